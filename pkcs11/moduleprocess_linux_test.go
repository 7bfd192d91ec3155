package pkcs11

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// running is a pool with the process of its one module.
func running(t *testing.T) (*Pool, *faulty, *moduleProcess) {
	t.Helper()
	p, f := pool(t)
	r, ok := f.driver.(*moduleProcess)
	if !ok {
		t.Fatalf("the module runs in this process: %T", f.driver)
	}
	return p, f, r
}

func TestModuleRunsInItsOwnProcess(t *testing.T) {
	_, _, r := running(t)
	if r.cmd.Process.Pid == os.Getpid() {
		t.Error("the same process")
	}
}

// The process is this program in another role, told the module and no more.
func TestProcessArguments(t *testing.T) {
	_, _, r := running(t)
	dir := filepath.Join("/proc", strconv.Itoa(r.cmd.Process.Pid))
	line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		t.Fatal(err)
	}
	if args := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00"); len(args) != 3 || args[1] != string(role.PKCS11Module) || args[2] != softHSM {
		t.Errorf("started as %q", args)
	}
}

func TestProcessEndsWithThePool(t *testing.T) {
	p, _, r := running(t)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if state := r.cmd.ProcessState; state == nil || !state.Success() {
		t.Errorf("%v", state)
	}
}

// A process killed from outside between two calls is replaced before anybody
// notices.
func TestKilledProcess(t *testing.T) {
	p, f, r := running(t)
	c := authentication(t, p, "cps")
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-r.ended
	if snapshot, err := p.List(t.Context()); err != nil || len(snapshot.Certificates) == 0 {
		t.Fatalf("%d certificates, %v", len(snapshot.Certificates), err)
	}
	var asked int
	s, err := p.Sign(t.Context(), request(c, democard.PIN, &asked))
	if err != nil {
		t.Fatal(err)
	}
	verify(t, s)
	if f.driver.(*moduleProcess) == r || asked != 1 {
		t.Errorf("asked %d", asked)
	}
}

// Killed during C_Login: what became of the PIN is not known, it is shown to no
// card again, and the person is asked anew.
func TestKilledDuringLogin(t *testing.T) {
	p, f, r := running(t)
	c := authentication(t, p, "cps")
	f.login = func(uint, []byte) error {
		f.login = nil
		// Stopped first, so that the call is on its way and unanswered.
		_ = r.cmd.Process.Signal(syscall.SIGSTOP)
		time.AfterFunc(200*time.Millisecond, func() { _ = r.cmd.Process.Kill() })
		return nil // and on to the real call
	}
	var asked int
	_, err := p.Sign(t.Context(), request(c, democard.PIN, &asked))
	mustBe(t, err, ErrModuleFailed)
	mustBe(t, err, ErrOutcomeUnknown)
	if asked != 1 || f.record() != "login1" {
		t.Errorf("asked %d, calls %q", asked, f.record())
	}
	if _, err = p.Sign(t.Context(), request(c, democard.PIN, &asked)); err != nil || asked != 2 {
		t.Errorf("%v, asked %d", err, asked)
	}
}

// A call past its limit ends the process; others are not held up by it.
func TestHangingProcess(t *testing.T) {
	p, _, r := running(t)
	c := authentication(t, p, "cps")
	r.limits = Limits{Other: 300 * time.Millisecond, Card: 300 * time.Millisecond, PINPad: 300 * time.Millisecond}
	if err := r.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	_, err := p.List(t.Context())
	mustBe(t, err, ErrModuleFailed)
	if !strings.Contains(err.Error(), "no answer in 300ms") {
		t.Error(err)
	}
	if _, err := p.Sign(t.Context(), request(c, democard.PIN, new(int))); err != nil {
		t.Error(err)
	}
}

// A module that crashes whenever it is started is not started all the time.
func TestRestartsBackOff(t *testing.T) {
	now := time.Now()
	started := 0
	p, err := open(t.Context(), Options{Modules: []string{softHSM}, Now: func() time.Time { return now }}, func(path string) (driver, error) {
		started++
		return nil, &Error{Op: "C_Initialize", Path: path, Kind: ErrModuleFailed}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	read := func(want int) {
		t.Helper()
		_, err := p.List(t.Context())
		mustBe(t, err, ErrModuleFailed)
		if started != want {
			t.Errorf("started %d times, want %d", started, want)
		}
	}
	read(2) // again at once
	read(2)
	now = now.Add(firstRestart)
	read(3)
	now = now.Add(firstRestart)
	read(3)
	now = now.Add(lastRestart)
	read(4)
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	read(5)
}

// The agent that dies leaves no process behind, and a login that ran is logged
// out: the process sees the end of its pipe.
func TestProcessEndsWithItsParent(t *testing.T) {
	_, _, r := running(t)
	if err := r.ends[0].Close(); err != nil { // as the kernel does for a dead parent
		t.Fatal(err)
	}
	select {
	case <-r.ended:
	case <-time.After(20 * time.Second):
		t.Error("the process stays")
	}
}

func TestNonsenseFromTheProcess(t *testing.T) {
	for name, frame := range map[string][]byte{
		"too long":  {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
		"no JSON":   {0, 0, 0, 1, 0, 0, 0, 0, '{'},
		"cut short": {0, 0, 0, 9, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := &pipe{r: bytes.NewReader(frame)}
			if _, err := p.receive(&reply{}); err == nil {
				t.Error("taken for a frame")
			}
		})
	}
}

// Frames hold a PIN only in the part that is overwritten after use.
func TestPINIsNotInTheHead(t *testing.T) {
	var out bytes.Buffer
	p := &pipe{w: &out}
	if err := p.send(call{Op: "C_Login", User: p11.CKU_USER}, []byte("9876")); err != nil {
		t.Fatal(err)
	}
	if bytes.Count(out.Bytes(), []byte("9876")) != 1 || !bytes.HasSuffix(out.Bytes(), []byte("9876")) {
		t.Errorf("%q", out.Bytes())
	}
	if bytes.Contains(p.out[:cap(p.out)], []byte("9876")) {
		t.Error("the buffer still holds the PIN")
	}
}

func TestCardSession(t *testing.T) {
	p, f := pool(t)
	resets := 0
	p.resetCard = func(string) error { resets++; return nil }
	c := authentication(t, p, "cps")
	var asked int
	first := request(c, democard.PIN, &asked)
	first.OpenCardSession = true
	next := request(c, "", &asked)
	next.UseCardSession = true

	_, err := p.Sign(t.Context(), next)
	mustBe(t, err, ErrNoCardSession)
	if _, err := p.Sign(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if !p.HasCardSession(c.ID) || resets != 0 {
		t.Fatalf("card session %v, %d resets", p.HasCardSession(c.ID), resets)
	}
	s, err := p.Sign(t.Context(), next)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, s)
	if asked != 1 || f.record() != "login1 sign sign" {
		t.Errorf("asked %d, calls %q", asked, f.record())
	}
	if err := p.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	closed(t, f, c)
	if p.HasCardSession(c.ID) || resets != 1 {
		t.Errorf("card session %v, %d resets", p.HasCardSession(c.ID), resets)
	}
	_, err = p.Sign(t.Context(), next)
	mustBe(t, err, ErrNoCardSession)
}

// A failed signature ends the card session: some modules would show the card the
// PIN that they kept themselves.
func TestCardSessionEndsWithAnError(t *testing.T) {
	p, f := pool(t)
	c := authentication(t, p, "cps")
	first := request(c, democard.PIN, new(int))
	first.OpenCardSession = true
	if _, err := p.Sign(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	f.sign = func([]byte) ([]byte, error) {
		return nil, wrap("C_Sign", softHSM, p11.Error(p11.CKR_USER_NOT_LOGGED_IN))
	}
	next := request(c, "", new(int))
	next.UseCardSession = true
	_, err := p.Sign(t.Context(), next)
	mustBe(t, err, ErrModuleFailed)
	if p.HasCardSession(c.ID) || f.record() != "login1 sign sign logout" {
		t.Errorf("card session %v, calls %q", p.HasCardSession(c.ID), f.record())
	}
}

func TestResetAfterEverySignature(t *testing.T) {
	p, _ := pool(t)
	var reset []string
	p.resetCard = func(slot string) error { reset = append(reset, slot); return errors.New("no reader") }
	c := authentication(t, p, "cps")
	if _, err := p.Sign(t.Context(), request(c, democard.PIN, new(int))); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Sign(t.Context(), request(c, "9999", new(int))); !errors.Is(err, ErrPINIncorrect) {
		t.Fatal(err)
	}
	if len(reset) != 1 || reset[0] != c.Slot.Description {
		t.Errorf("%q", reset)
	}
}

// benchmark is one call: here, and through the module's process.
func benchmark(b *testing.B, d driver) {
	defer d.Close()
	slots, err := d.Slots()
	if err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		if _, err := d.SlotInfo(slots[0]); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
}

func BenchmarkCallHere(b *testing.B) {
	d, err := openDriver(softHSM, "")
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, d)
}

func BenchmarkCallInProcess(b *testing.B) {
	d, err := startModuleProcess(softHSM, "", DefaultLimits())
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, d)
}
