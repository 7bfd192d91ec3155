package sites

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// program makes this program use a store as a separate process: go-keyring connects
// to one bus in a process's lifetime.
const program = "CPX_TEST_SITES"

func TestMain(m *testing.M) {
	if os.Getenv(program) != "" {
		if err := helper(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// outcome is what a helper prints.
type outcome struct {
	Sites   []string
	Err     string // the text of the typed error, "" for none
	Routine int    // goroutines more than before, for hang
}

func (o outcome) is(err error) bool { return o.Err == fmt.Sprint(err) || (o.Err == "" && err == nil) }

func helper(args []string) error {
	dir, rest := args[1], args[2:]
	s := New(Options{Dir: dir, Unlock: os.Getenv("UNLOCK") != ""})
	ctx := context.Background()
	var o outcome
	var l List
	var err error
	switch args[0] {
	case "list":
		l, err = s.List(ctx)
	case "add":
		for _, origin := range rest {
			if l, err = s.Add(ctx, origin); err != nil {
				break
			}
		}
	case "never":
		for _, name := range rest {
			if l, err = s.AddNever(ctx, name); err != nil {
				break
			}
		}
	case "forget":
		l, err = s.Forget(ctx, rest[0])
	case "loseKey":
		err = s.ring().Delete(ctx, s.account)
	case "hang":
		s.limit = 300 * time.Millisecond
		before := runtime.NumGoroutine()
		for range 30 {
			if _, err = s.List(ctx); !errors.Is(err, ErrSlow) {
				return fmt.Errorf("a keyring that hangs: %w", err)
			}
			if rest[0] == "true" {
				s.limit = time.Hour // while a call hangs the next ones fail at once, or this test never ends
			}
		}
		o.Routine = runtime.NumGoroutine() - before
		fmt.Println("hung") // the test lets the service answer now
		for errors.Is(err, ErrSlow) {
			l, err = s.List(ctx)
		}
	}
	for _, site := range l.Sites {
		o.Sites = append(o.Sites, site.Origin)
	}
	for _, d := range l.Never {
		o.Sites = append(o.Sites, "never "+d.Name)
	}
	o.Err = name(err)
	return json.NewEncoder(os.Stdout).Encode(o)
}

// name is an error's text without that of the errors around it.
func name(err error) string {
	for _, k := range kinds {
		if errors.Is(err, k.is) {
			return k.is.Error()
		}
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// fixture is a folder for the list and the environment of a keyring.
type fixture struct {
	t   *testing.T
	dir string
	env []string
}

func (d fixture) command(args ...string) *exec.Cmd {
	d.t.Helper()
	self, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	cmd := exec.Command(self, append([]string{args[0], d.dir}, args[1:]...)...)
	cmd.Env = append(append(os.Environ(), d.env...), program+"=1", "GORACE=atexit_sleep_ms=0") // the race detector sleeps for a second at each process's end
	cmd.Stderr = os.Stderr
	return cmd
}

func (d fixture) run(args ...string) (o outcome) {
	d.t.Helper()
	out, err := d.command(args...).Output()
	if err == nil {
		err = json.Unmarshal(out, &o)
	}
	if err != nil {
		d.t.Fatalf("%v: %v %s", args, err, out)
	}
	return o
}

// want runs a helper and compares its outcome.
func (d fixture) want(err error, sites []string, args ...string) {
	d.t.Helper()
	if got := d.run(args...); !got.is(err) || !reflect.DeepEqual(got.Sites, sites) {
		d.t.Errorf("%v: %+v, want %v and %v", args, got, sites, err)
	}
}

func (d fixture) file(name string) string { return filepath.Join(d.dir, name) }

func (d fixture) read(name string) []byte {
	d.t.Helper()
	b, err := os.ReadFile(d.file(name))
	if err != nil {
		d.t.Fatal(err)
	}
	return b
}

func (d fixture) put(name string, content []byte) {
	d.t.Helper()
	if err := os.WriteFile(d.file(name), content, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// aside is the number of lists set aside.
func (d fixture) aside() int {
	found, _ := filepath.Glob(d.file("sites-aside-*.sealed"))
	return len(found)
}

func withKeyring(t *testing.T, display string) (fixture, *testdesktop.Keyring) {
	t.Helper()
	k := testdesktop.NewKeyring(t, display)
	return fixture{t, filepath.Join(t.TempDir(), "state", "cpx-bridge"), k.Env}, k
}

func onBus(t *testing.T, address string) fixture {
	return fixture{t, filepath.Join(t.TempDir(), "state"), []string{"DBUS_SESSION_BUS_ADDRESS=" + address}}
}

const one, other = "https://portail.example.fr", "https://autre.example.fr:8443"

func TestKeyringPresent(t *testing.T) {
	d, _ := withKeyring(t, "")
	d.want(nil, nil, "list")
	d.want(nil, []string{one}, "add", one)
	d.want(nil, []string{one, other}, "add", other, one) // the second a second time
	d.want(nil, []string{one, other}, "list")
	for _, wrong := range []string{"http://localhost:8080", "https://Portail.example.fr", one + ":443", one + "/", "null", ""} {
		d.want(ErrOrigin, nil, "add", wrong)
		if wrong != "null" { // which may be a domain
			d.want(ErrOrigin, nil, "forget", wrong)
		}
	}
	if got := d.run("forget", "portail.example.fr"); !got.is(ErrOrigin) { // a host is neither
		t.Errorf("%+v", got)
	}
	for _, similar := range []string{one + ":8443", "https://autre.example.fr", "https://trois.example.fr"} {
		if got := d.run("forget", similar); !got.is(ErrNotRemembered) {
			t.Errorf("%s: %+v", similar, got)
		}
	}
	info, err := os.Stat(d.file("sites.sealed"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if text := string(d.read("sites.sealed")); strings.Contains(text, "example") {
		t.Error("the list can be read without the key")
	}
	d.want(nil, []string{other}, "forget", one)
	d.want(nil, nil, "forget", other)
	d.want(nil, nil, "list")
	if names, _ := filepath.Glob(d.file("*")); len(names) != 2 { // the list and its lock
		t.Errorf("left behind: %v", names)
	}
}

// TestTwoProcesses: of what several processes remember at once, nothing is lost.
func TestTwoProcesses(t *testing.T) {
	d, _ := withKeyring(t, "")
	var all sync.WaitGroup
	const each = 8
	for _, who := range []string{"a", "b", "c"} {
		origins := []string{"add"}
		for i := range each {
			origins = append(origins, fmt.Sprintf("https://%s%d.example.fr", who, i))
		}
		all.Go(func() {
			if got := d.run(origins...); got.Err != "" {
				t.Error(got.Err)
			}
		})
	}
	all.Wait()
	if got := d.run("list"); len(got.Sites) != 3*each {
		t.Errorf("%+v", got)
	}
}

// TestUnreadable: a list that was tampered with, is an older copy or is another
// folder's is not read; a new one may begin, and the old one is set aside.
func TestUnreadable(t *testing.T) {
	d, k := withKeyring(t, "")
	elsewhere := fixture{t, t.TempDir(), k.Env}
	elsewhere.want(nil, []string{other}, "add", other)
	d.want(nil, []string{one}, "add", one)
	older := d.read("sites.sealed")
	d.want(nil, nil, "forget", one)
	foreign := elsewhere.read("sites.sealed")

	for name, c := range map[string]struct {
		made func(now []byte) []byte
		want error
	}{
		"an older copy":    {func([]byte) []byte { return older }, ErrOtherKey},
		"another folder's": {func([]byte) []byte { return foreign }, ErrOtherKey},
		"tampered":         {func(now []byte) []byte { now[len(now)-1] ^= 1; return now }, ErrDamaged},
		"cut":              {func(now []byte) []byte { return now[:20] }, ErrDamaged},
		"empty":            {func([]byte) []byte { return []byte{} }, ErrDamaged},
		"huge":             {func(now []byte) []byte { return append(now, make([]byte, maxSealed)...) }, ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			d := d
			d.t = t
			content := c.made(d.read("sites.sealed"))
			d.put("sites.sealed", content)
			before := d.aside()
			d.want(c.want, nil, "list")
			d.want(c.want, nil, "forget", one)
			if got := d.read("sites.sealed"); string(got) != string(content) || d.aside() != before {
				t.Error("reading it changed it")
			}
			d.want(nil, []string{other}, "add", other)
			if d.aside() != before+1 {
				t.Errorf("%d lists set aside, want %d", d.aside(), before+1)
			}
			d.want(nil, nil, "forget", other)
		})
	}
	for range maxAside + 2 {
		d.put("sites.sealed", older)
		d.want(nil, []string{one}, "add", one)
	}
	if n := d.aside(); n != maxAside {
		t.Errorf("%d lists set aside, want %d at most", n, maxAside)
	}
}

func TestKeyLost(t *testing.T) {
	d, _ := withKeyring(t, "")
	d.want(nil, []string{one}, "add", one)
	d.want(nil, nil, "loseKey")
	d.want(ErrKeyLost, nil, "list")
	d.want(ErrKeyLost, nil, "forget", one)
	d.want(nil, []string{other}, "add", other)
	if d.aside() != 1 {
		t.Error("the list was not set aside")
	}
	d.want(nil, []string{other}, "list")
}

// TestInterrupted: a change that was interrupted between the keyring and the file is
// completed; one that was interrupted before the keyring is dropped.
func TestInterrupted(t *testing.T) {
	d, _ := withKeyring(t, "")
	d.want(nil, []string{one}, "add", one)
	before := d.read("sites.sealed")
	d.want(nil, []string{one, other}, "add", other)
	after := d.read("sites.sealed")

	d.put("sites.sealed", before)
	d.put("sites.next", after)
	d.want(nil, []string{one, other}, "list")
	if string(d.read("sites.sealed")) != string(after) {
		t.Error("the last step was not completed")
	}
	d.put("sites.next", before)
	d.want(nil, []string{one, other}, "list")
	d.put("sites.next", after[:7])
	d.want(nil, []string{other}, "forget", one)
	d.want(nil, []string{other}, "list")
}

// TestKeePassXC: Debian's own keeps the key, also over several processes; where it
// exposes no group, nothing is written and the reason is told.
func TestKeePassXC(t *testing.T) {
	d := fixture{t, t.TempDir(), testdesktop.NewKeePassXC(t, testdesktop.KeePassXCOptions{Exposed: true}).Env}
	d.want(nil, nil, "list")
	d.want(nil, []string{one, other}, "add", one, other)
	d.want(nil, []string{one, other}, "list")
	d.want(nil, []string{other}, "forget", one)
	d.want(nil, []string{other, "never example.net"}, "never", "example.net")
	d.want(nil, []string{other}, "forget", "example.net")
	d.want(nil, []string{other}, "list")

	before := d.read("sites.sealed")
	d.env = testdesktop.NewKeePassXC(t, testdesktop.KeePassXCOptions{}).Env
	for _, args := range [][]string{{"list"}, {"add", one}, {"forget", other}} {
		d.want(keyring.ErrNoCollection, nil, args...)
	}
	if string(d.read("sites.sealed")) != string(before) || d.aside() != 0 {
		t.Error("a list whose key could not be read was changed")
	}
}

// TestConfirmation: a key that the keyring gives only after a yes is not lost, and
// not replaced.
func TestConfirmation(t *testing.T) {
	s := &testdesktop.SecretService{Collections: []dbus.ObjectPath{testdesktop.CollectionAt("base")}, Default: testdesktop.CollectionAt("base")}
	d := onBus(t, s.Serve(t))
	d.want(nil, []string{one}, "add", one)
	before := d.read("sites.sealed")
	s.LockEntries()
	for _, args := range [][]string{{"list"}, {"add", other}, {"forget", one}} {
		d.want(keyring.ErrEntryLocked, nil, args...)
	}
	if string(d.read("sites.sealed")) != string(before) || d.aside() != 0 {
		t.Error("a list whose key could not be read was changed")
	}
}

// TestAnotherIsLocked: a list whose key is in a collection that is locked is neither
// lost nor begun anew in one that is open; the first list begins there.
func TestAnotherIsLocked(t *testing.T) {
	base, wallet := testdesktop.CollectionAt("base"), testdesktop.CollectionAt("wallet")
	s := &testdesktop.SecretService{Collections: []dbus.ObjectPath{wallet, base}, Default: base}
	d := onBus(t, s.Serve(t))
	d.want(nil, []string{one}, "add", one)
	before := d.read("sites.sealed")
	s.SetDefault(wallet)
	s.Close(base)
	for _, args := range [][]string{{"list"}, {"add", other}, {"forget", one}} {
		d.want(keyring.ErrLocked, nil, args...)
	}
	if string(d.read("sites.sealed")) != string(before) || d.aside() != 0 {
		t.Error("a list whose key could not be read was changed")
	}
	s.Close("")
	d.want(nil, []string{one}, "list")
	first := fixture{t, t.TempDir(), d.env}
	s.Close(base)
	first.want(nil, nil, "list")
	first.want(nil, []string{other}, "add", other)
	first.want(nil, []string{other}, "list")
}

func TestKeyringLocked(t *testing.T) {
	d, k := withKeyring(t, "")
	d.want(nil, []string{one}, "add", one)
	k.Lock()
	d.want(ErrLocked, nil, "list")
	d.want(ErrLocked, nil, "add", other)
	d.want(ErrLocked, nil, "forget", one)
	d.env = append(d.env, "UNLOCK=1") // no display on which it could ask
	if got := d.run("list"); !got.is(ErrLocked) && !got.is(ErrRefused) {
		t.Errorf("%+v", got)
	}
}

// TestUnlocking: a person is asked to unlock the keyring only where they wait for it.
func TestUnlocking(t *testing.T) {
	screen := testdesktop.NewScreen(t)
	d, k := withKeyring(t, screen.Display)
	d.want(nil, []string{one}, "add", one)
	k.Lock()
	prompter := testdesktop.OwnerChanges(t, testdesktop.OnBus(t, k.Bus), "org.gnome.keyring.SystemPrompter")
	d.want(ErrLocked, nil, "list")
	select {
	case <-prompter:
		t.Error("the person was asked")
	default:
	}
	asking := fixture{t, d.dir, append(d.env, "UNLOCK=1")}
	answer := func(keys ...string) outcome {
		t.Helper()
		got := make(chan outcome, 1)
		go func() { got <- asking.run("list") }()
		screen.Window(".")
		screen.Do(append([]string{"key", "--clearmodifiers"}, keys...)...)
		return testdesktop.Await(t, got)
	}
	if got := answer("Escape"); !got.is(ErrLocked) {
		t.Errorf("refused: %+v", got)
	}
	screen.Gone(".")
	if got := answer(append(strings.Split(testdesktop.KeyringPassword, ""), "Return")...); !got.is(nil) || len(got.Sites) != 1 {
		t.Errorf("unlocked: %+v", got)
	}
	d.want(nil, []string{one}, "list")
}

func TestNoKeyring(t *testing.T) {
	dir := t.TempDir()
	for name, env := range map[string]string{
		"no bus": "unix:path=" + filepath.Join(dir, "nowhere"), "nonsense for a bus": "disabled:", "nothing on the bus": testdesktop.IsolatedBus(t, nil),
	} {
		t.Run(name, func(t *testing.T) {
			d := onBus(t, env)
			for _, args := range [][]string{{"list"}, {"add", one}, {"forget", one}} {
				d.want(ErrNoKeyring, nil, args...)
			}
			if _, err := os.Stat(d.file("sites.sealed")); err == nil {
				t.Error("a list was written without a key")
			}
		})
	}
}

func TestKeyringRefuses(t *testing.T) {
	for _, reads := range []bool{false, true} {
		bus, answer := testdesktop.DeadKeyring(t, reads)
		answer()
		d := onBus(t, bus)
		d.want(ErrRefused, nil, "list")
		d.want(ErrRefused, nil, "add", one)
		if names, _ := filepath.Glob(d.file("*")); len(names) != 1 { // the lock
			t.Errorf("written: %v", names)
		}
	}
}

// TestKeyringHangs: calls end at their limit, at most one goroutine goes on waiting
// however many calls there are, and all is well once the keyring answers.
func TestKeyringHangs(t *testing.T) {
	for name, reads := range map[string]bool{"at once": false, "in go-keyring": true} {
		t.Run(name, func(t *testing.T) {
			bus, answer := testdesktop.DeadKeyring(t, reads)
			d := onBus(t, bus)
			cmd := d.command("hang", fmt.Sprint(reads))
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var hung string
			if _, err := fmt.Fscan(out, &hung); err != nil || hung != "hung" {
				t.Fatalf("%q %v", hung, err)
			}
			answer()
			var o outcome
			if err := errors.Join(json.NewDecoder(out).Decode(&o), cmd.Wait()); err != nil {
				t.Fatal(err)
			}
			// The call itself, go-keyring's connection, and those that are just ending: not one
			// for each of the 30 calls.
			if !o.is(ErrRefused) || o.Routine >= 15 {
				t.Errorf("%+v", o)
			}
		})
	}
}
