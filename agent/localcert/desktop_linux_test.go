package localcert

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestMain gives the tests a home of their own: the library finds the browsers'
// databases by the HOME that the process was started with.
func TestMain(m *testing.M) {
	if os.Getenv("CPX_TEST_HOME") != "" {
		os.Exit(m.Run())
	}
	home, err := os.MkdirTemp("", "localcert-home-")
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), "CPX_TEST_HOME="+home, "HOME="+home, "GORACE=atexit_sleep_ms=0")
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} { // builds reuse the caches of the real home
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			panic(err)
		}
		cmd.Env = append(cmd.Env, name+"="+strings.TrimSpace(string(out)))
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	_ = os.RemoveAll(home)
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		os.Exit(failed.ExitCode())
	}
	if err != nil {
		panic(err)
	}
	os.Exit(0)
}

// desktop is a person's home with browsers' databases, and a keyring.
type desktop struct {
	t     *testing.T
	home  string
	state string
	trust *watched
	store *Store
}

func newDesktop(t *testing.T, databases ...string) *desktop {
	t.Helper()
	d := desktopWithoutKeyring(t, databases...)
	testdesktop.NewKeyring(t, "").Use()
	return d
}

func desktopWithoutKeyring(t *testing.T, databases ...string) *desktop {
	t.Helper()
	d := &desktop{t: t, home: os.Getenv("CPX_TEST_HOME"), state: filepath.Join(t.TempDir(), "state"), trust: &watched{}}
	t.Cleanup(func() {
		names, _ := filepath.Glob(filepath.Join(d.home, ".*"))
		for _, n := range names {
			_ = os.RemoveAll(n)
		}
	})
	for _, name := range databases {
		dir := filepath.Join(d.home, name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(need.Program(t, "certutil"), "-N", "-d", "sql:"+dir, "--empty-password").CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	d.store = New(Options{Dir: d.state, Trust: d.trust})
	return d
}

// ours are the names of our certificates in a database.
func (d *desktop) ours(database string) (names []string) {
	d.t.Helper()
	out, err := exec.Command("certutil", "-L", "-d", "sql:"+filepath.Join(d.home, database)).CombinedOutput()
	if err != nil {
		d.t.Fatalf("%v %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, name) {
			names = append(names, strings.TrimSpace(line))
		}
	}
	return names
}

func (d *desktop) install() Result {
	d.t.Helper()
	r, err := d.store.Install(d.t.Context())
	if err != nil || len(r.Problems) > 0 {
		d.t.Fatalf("%v %v", err, r.Problems)
	}
	return r
}

func (d *desktop) files() (names []string) {
	entries, _ := os.ReadDir(d.state)
	for _, e := range entries {
		if e.Name() != lockFile {
			names = append(names, e.Name())
		}
	}
	return names
}

// watched is the real trust, with a list of the calls and, where a test sets it, a
// refusal.
type watched struct {
	systemTrust
	mu     sync.Mutex
	calls  []string
	refuse func(call string) error
}

func (w *watched) note(what, store string, ca *x509.Certificate) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	call := fmt.Sprintf("%s %s %s", what, filepath.Base(store), ca.Subject.SerialNumber)
	w.calls = append(w.calls, call)
	if w.refuse != nil {
		return w.refuse(call)
	}
	return nil
}

func (w *watched) Add(store string, ca *x509.Certificate) error {
	if err := w.note("add", store, ca); err != nil {
		return err
	}
	return w.systemTrust.Add(store, ca)
}

func (w *watched) Remove(store string, ca *x509.Certificate) error {
	if err := w.note("remove", store, ca); err != nil {
		return err
	}
	return w.systemTrust.Remove(store, ca)
}

const nssdb, firefox = ".pki/nssdb", ".mozilla/firefox/[a]x.default"
