package pkcs11

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
)

// cardsDir holds one real SoftHSM token for each demonstration card. SoftHSM
// reads its folder once in a process, so all tests share it.
var (
	cardsDir string
	softHSM  string
)

// renewVariable makes this program renew a card in cardsDir and end: the
// card's change has to come from another process, as a person's does.
const renewVariable = "CPX_TEST_RENEW"

func TestMain(m *testing.M) {
	RunChildRole()
	// The race detector sleeps for a second at each process's end.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	if name := os.Getenv(renewVariable); name != "" {
		if err := democard.Renew(os.Getenv("CPX_TEST_CARDS"), name, false, time.Now()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	if flag.Lookup("test.fuzz").Value.String() != "" {
		return m.Run() // no fuzz target uses the cards, and making them takes its time
	}
	var err error
	if cardsDir, err = os.MkdirTemp("", "cpx-pkcs11"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(cardsDir)
	if err := preparePCSC(cardsDir); err != nil {
		panic(err)
	}
	cards, err := democard.Make(cardsDir, democard.Names(), time.Now())
	if err != nil {
		panic(err)
	}
	softHSM = cards[0].Module
	return m.Run()
}

func renew(t *testing.T, card string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), renewVariable+"="+card, "CPX_TEST_CARDS="+cardsDir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("renew: %v\n%s", err, out)
	}
}

// faulty is the real module with some calls replaced, and a record of those
// that cost a try or leave a card open.
type faulty struct {
	driver
	mu            sync.Mutex
	calls         []string
	login         func(user uint, pin []byte) error // before the real one; nil goes on
	skipLogin     map[uint]bool                     // users whose real login is left out
	mechanisms    map[uint]bool
	mechanismsErr error
	attribute     func(kind uint) []byte
	valueErr      func(kind uint) error // before the real one; nil goes on
	values        int                   // calls of C_GetAttributeValue
	find          func([]p11.ObjectHandle) []p11.ObjectHandle
	sign          func([]byte) ([]byte, error)
	openErr       error
	tokenErr      error
	token         func(*p11.TokenInfo)
	tokenErrOf    func(slot uint) error
	slotInfo      func(slot uint, info *p11.SlotInfo)
	open          func(slot uint) error // before the real one; nil goes on
	state         func() error          // likewise, of C_GetSessionInfo
	sessions      int                   // open ones
	readings      int                   // calls of C_GetTokenInfo
}

func (f *faulty) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

func (f *faulty) record() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.calls, " ")
}

func (f *faulty) Login(s p11.SessionHandle, user uint, pin []byte) error {
	f.note("login%d", user)
	if f.login != nil {
		if err := f.login(user, pin); err != nil {
			return err
		}
	}
	if f.skipLogin[user] {
		return nil
	}
	return f.driver.Login(s, user, pin)
}

func (f *faulty) Logout(s p11.SessionHandle) error {
	f.note("logout")
	return f.driver.Logout(s)
}

func (f *faulty) OpenSession(slot uint) (p11.SessionHandle, error) {
	if f.openErr != nil {
		return 0, f.openErr
	}
	if f.open != nil {
		if err := f.open(slot); err != nil {
			return 0, err
		}
	}
	session, err := f.driver.OpenSession(slot)
	f.count(&f.sessions, 1, err)
	return session, err
}

func (f *faulty) CloseSession(s p11.SessionHandle) error {
	err := f.driver.CloseSession(s)
	f.count(&f.sessions, -1, err)
	return err
}

func (f *faulty) SessionState(s p11.SessionHandle) (uint, error) {
	if f.state != nil {
		if err := f.state(); err != nil {
			return 0, err
		}
	}
	return f.driver.SessionState(s)
}

func (f *faulty) SlotInfo(slot uint) (p11.SlotInfo, error) {
	info, err := f.driver.SlotInfo(slot)
	if f.slotInfo != nil {
		f.slotInfo(slot, &info)
	}
	return info, err
}

func (f *faulty) count(n *int, by int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		*n += by
	}
}

func (f *faulty) counted(n *int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return *n
}

func (f *faulty) Mechanisms(slot uint) (map[uint]bool, error) {
	if f.mechanismsErr != nil {
		return nil, f.mechanismsErr
	}
	if f.mechanisms != nil {
		return f.mechanisms, nil
	}
	return f.driver.Mechanisms(slot)
}

func (f *faulty) Attributes(s p11.SessionHandle, o p11.ObjectHandle, types ...uint) ([][]byte, error) {
	f.count(&f.values, 1, nil)
	if f.valueErr != nil {
		if err := f.valueErr(types[0]); err != nil {
			return nil, err
		}
	}
	if f.attribute != nil && len(types) == 1 {
		if v := f.attribute(types[0]); v != nil {
			return [][]byte{v}, nil
		}
	}
	return f.driver.Attributes(s, o, types...)
}

func (f *faulty) Find(s p11.SessionHandle, template []*p11.Attribute, ahead ...uint) ([]p11.ObjectHandle, error) {
	found, err := f.driver.Find(s, template, ahead...)
	if f.find != nil {
		found = f.find(found)
	}
	return found, err
}

func (f *faulty) TokenInfo(slot uint) (p11.TokenInfo, error) {
	if f.tokenErr != nil {
		return p11.TokenInfo{}, f.tokenErr
	}
	if f.tokenErrOf != nil {
		if err := f.tokenErrOf(slot); err != nil {
			return p11.TokenInfo{}, err
		}
	}
	info, err := f.driver.TokenInfo(slot)
	f.count(&f.readings, 1, err)
	if f.token != nil {
		f.token(&info)
	}
	return info, err
}

func (f *faulty) Sign(s p11.SessionHandle, data []byte) ([]byte, error) {
	f.note("sign")
	value, err := f.driver.Sign(s, data)
	if f.sign != nil && err == nil {
		return f.sign(value)
	}
	return value, err
}

// pool opens the real module behind a record.
func pool(t *testing.T) (*Pool, *faulty) {
	t.Helper()
	f := &faulty{}
	p, err := open(t.Context(), Options{Modules: []string{softHSM}}, func(path string) (driver, error) {
		d, err := startModuleProcess(path, "", DefaultLimits())
		f.driver = d
		return f, err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, f
}

func labelOf(t *testing.T, card string) string {
	t.Helper()
	cards, err := democard.Load(cardsDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cards {
		if c.Name == card {
			return c.Label
		}
	}
	t.Fatalf("no card %s", card)
	return ""
}

// authentication is the card's certificate with the object label, which stands
// for a person's eye.
func certificate(t *testing.T, p *Pool, card, label string) Certificate {
	t.Helper()
	s, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Certificates {
		if c.Slot.Token.Label == labelOf(t, card) && strings.Contains(c.Label, label) {
			return c
		}
	}
	t.Fatalf("no certificate %q on %s", label, card)
	return Certificate{}
}

func authentication(t *testing.T, p *Pool, card string) Certificate {
	t.Helper()
	return certificate(t, p, card, "Authentification")
}

// entry is a person who types this PIN; asked counts the times.
func entry(pin string, asked *int) PINFunc {
	return func(context.Context, PINRequest) ([]byte, error) {
		if asked != nil {
			*asked++
		}
		return []byte(pin), nil
	}
}

func message(Algorithm) ([]byte, error) { return []byte("TEST message"), nil }

func request(c Certificate, pin string, asked *int) Request {
	return Request{CertificateID: c.ID, Message: message, PIN: entry(pin, asked)}
}

func mustBe(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error %v, want %v", err, kind)
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
