package localcert

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/internal/testdesk"
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
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} { // what is built stays where it is
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

// desk is a person's home with a browser's databases, and a keyring.
type desk struct {
	t     *testing.T
	home  string
	state string
	trust *watched
	store *Store
}

func newDesk(t *testing.T, databases ...string) *desk {
	t.Helper()
	d := bareDesk(t, databases...)
	testdesk.NewKeyring(t, "").Use()
	return d
}

func bareDesk(t *testing.T, databases ...string) *desk {
	t.Helper()
	d := &desk{t: t, home: os.Getenv("CPX_TEST_HOME"), state: filepath.Join(t.TempDir(), "state"), trust: &watched{}}
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
		if out, err := exec.Command(testdesk.Needs(t, "certutil"), "-N", "-d", "sql:"+dir, "--empty-password").CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	d.store = New(Options{Dir: d.state, Trust: d.trust})
	return d
}

// ours are the names of our certificates in a database.
func (d *desk) ours(database string) (names []string) {
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

func (d *desk) install() Result {
	d.t.Helper()
	r, err := d.store.Install(d.t.Context())
	if err != nil || len(r.Problems) > 0 {
		d.t.Fatalf("%v %v", err, r.Problems)
	}
	return r
}

func (d *desk) files() (names []string) {
	entries, _ := os.ReadDir(d.state)
	for _, e := range entries {
		if e.Name() != lockFile {
			names = append(names, e.Name())
		}
	}
	return names
}

// watched is the real trust, with a list of what happened and, where a test sets
// it, a refusal.
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

func TestInstallRenewRemove(t *testing.T) {
	d := newDesk(t, nssdb, firefox)
	if st, err := d.store.Status(t.Context()); err != nil || st.Installed || st.Renew(time.Now()) {
		t.Errorf("%+v %v", st, err)
	}
	if _, err := d.store.Certificate(t.Context()); !errors.Is(err, ErrNotInstalled) {
		t.Error(err)
	}
	first := d.install()
	if len(first.Stores) != 2 || first.End.Before(time.Now().Add(396*24*time.Hour)) {
		t.Errorf("%+v", first)
	}
	c, err := d.store.Certificate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(parse(t, c.Certificate[1]), c.Leaf, "localhost", time.Now()); err != nil {
		t.Error(err)
	}
	old := parse(t, c.Certificate[1]).Subject.SerialNumber
	for _, db := range []string{nssdb, firefox} {
		if names := d.ours(db); len(names) != 1 || !strings.HasSuffix(names[0], "C,,") {
			t.Errorf("%s: %v", db, names)
		}
	}
	d.noKeyInFiles()
	st, err := d.store.Status(t.Context())
	if err != nil || !st.Installed || len(st.Trusted) != 2 || len(st.Missing) != 0 || st.Renew(time.Now()) || !st.Renew(st.End.Add(-29*24*time.Hour)) {
		t.Errorf("%+v %v", st, err)
	}

	// The new one is trusted before the old one is not any more.
	d.trust.calls = nil
	d.install()
	c, err = d.store.Certificate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	renewed := parse(t, c.Certificate[1]).Subject.SerialNumber
	lastAdd := max(slices.Index(d.trust.calls, "add nssdb "+renewed), slices.Index(d.trust.calls, "add [a]x.default "+renewed))
	firstRemove := slices.Index(d.trust.calls, "remove nssdb "+old)
	if renewed == old || lastAdd != 1 || firstRemove < 2 || len(d.trust.calls) != 4 {
		t.Errorf("%v", d.trust.calls)
	}
	for _, db := range []string{nssdb, firefox} {
		if names := d.ours(db); len(names) != 1 {
			t.Errorf("%s: %v", db, names)
		}
	}

	// Also where the certificate's file is gone.
	if err := os.Remove(filepath.Join(d.state, certFile)); err != nil {
		t.Fatal(err)
	}
	account := known{ID: pair{ca: c.Certificate[1]}.id()}.account()
	if r, err := d.store.Remove(t.Context()); err != nil || len(r.Problems) > 0 || len(r.Stores) != 2 {
		t.Errorf("%+v %v", r, err)
	}
	if left := append(d.ours(nssdb), d.ours(firefox)...); len(left) > 0 || len(d.files()) > 0 {
		t.Errorf("left: %v %v", left, d.files())
	}
	if _, err := (keyring.Ring{}).Get(t.Context(), account); !errors.Is(err, keyring.ErrNotFound) {
		t.Errorf("the key is still in the keyring: %v", err)
	}
	if r, err := d.store.Remove(t.Context()); err != nil || len(r.Stores) != 0 {
		t.Errorf("once more: %+v %v", r, err)
	}
}

func (d *desk) noKeyInFiles() {
	d.t.Helper()
	for _, name := range d.files() {
		text, err := os.ReadFile(filepath.Join(d.state, name))
		info, statErr := os.Stat(filepath.Join(d.state, name))
		if err != nil || statErr != nil || strings.Contains(string(text), "PRIVATE") || info.Mode().Perm() != 0o600 {
			d.t.Errorf("%s: %v %v", name, info, err)
		}
	}
}

// TestExpiredTrust: the library alone leaves an expired certificate where it is.
func TestExpiredTrust(t *testing.T) {
	d := bareDesk(t, nssdb)
	ca, err := newAuthority(time.Now().Add(-2 * Lifetime))
	if err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(d.home, nssdb)
	if out, err := exec.Command("certutil", "-A", "-d", "sql:"+store, "-t", "C,,", "-n", libraryName(ca.cert), "-i", writePEM(t, t.TempDir(), "ca.pem", ca.der)).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if there, err := d.trust.Has(store, ca.cert); err != nil || !there {
		t.Fatal(there, err)
	}
	if err := d.trust.Remove(store, ca.cert); err != nil || len(d.ours(nssdb)) != 0 {
		t.Errorf("%v %v", err, d.ours(nssdb))
	}
}

// TestNoKeyring: without the keyring nothing is trusted and nothing is left.
func TestNoKeyring(t *testing.T) {
	d := bareDesk(t, nssdb)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(d.home, "no-bus"))
	if _, err := d.store.Install(t.Context()); !errors.Is(err, keyring.ErrNone) {
		t.Errorf("%v", err)
	}
	if len(d.trust.calls) > 0 || len(d.ours(nssdb)) > 0 || len(d.files()) > 0 {
		t.Errorf("%v %v %v", d.trust.calls, d.ours(nssdb), d.files())
	}
}

func TestKeyringLocked(t *testing.T) {
	d := bareDesk(t, nssdb)
	k := testdesk.NewKeyring(t, "")
	k.Use()
	d.install()
	k.Lock()
	if _, err := d.store.Certificate(t.Context()); !errors.Is(err, keyring.ErrLocked) {
		t.Error(err)
	}
	r, err := d.store.Remove(t.Context())
	if err != nil || len(r.Problems) != 1 || !errors.Is(r.Problems[0], ErrLeft) || len(d.ours(nssdb)) != 0 {
		t.Errorf("%+v %v", r, err)
	}
	k.Unlock()
	if r, err := d.store.Remove(t.Context()); err != nil || len(r.Problems) > 0 || len(d.files()) > 0 {
		t.Errorf("the key, later: %+v %v %v", r, err, d.files())
	}
}

func TestNoStore(t *testing.T) {
	d := newDesk(t)
	if _, err := d.store.Install(t.Context()); !errors.Is(err, ErrNoStore) || len(d.files()) > 0 {
		t.Errorf("%v %v", err, d.files())
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := d.store.Install(t.Context()); !errors.Is(err, ErrNoTool) {
		t.Error(err)
	}
}

// TestOneStoreBroken: the others still get it, and the broken one is named.
func TestOneStoreBroken(t *testing.T) {
	d := newDesk(t, nssdb, firefox)
	if err := os.WriteFile(filepath.Join(d.home, firefox, "cert9.db"), []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := d.store.Install(t.Context())
	if err != nil || len(r.Stores) != 1 || len(r.Problems) != 1 || !errors.Is(r.Problems[0], ErrTrust) || !strings.Contains(r.Problems[0].Error(), "x.default") {
		t.Errorf("%+v %v", r, err)
	}
	// A profile that is gone trusts nothing.
	if err := os.RemoveAll(filepath.Join(d.home, ".mozilla")); err != nil {
		t.Fatal(err)
	}
	if r, err := d.store.Remove(t.Context()); err != nil || len(r.Problems) > 0 || len(d.files()) > 0 {
		t.Errorf("%+v %v", r, err)
	}
}

// TestRefusals: what a store refuses leaves the old one serving, and what cannot
// be taken back is remembered.
func TestRefusals(t *testing.T) {
	d := newDesk(t, nssdb)
	d.install()
	before, err := d.store.Certificate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("played")
	d.trust.refuse = func(call string) error {
		if strings.HasPrefix(call, "add") {
			return refused
		}
		return nil
	}
	if _, err := d.store.Install(t.Context()); !errors.Is(err, ErrTrust) || !errors.Is(err, refused) {
		t.Errorf("%v", err)
	}
	if now, err := d.store.Certificate(t.Context()); err != nil || !now.Leaf.Equal(before.Leaf) || len(d.ours(nssdb)) != 1 {
		t.Errorf("%v %v", err, d.ours(nssdb))
	}
	if st, err := d.store.Status(t.Context()); err != nil || st.Left != 0 || !st.Installed {
		t.Errorf("what was refused is still remembered: %+v %v", st, err)
	}
	d.trust.refuse = func(call string) error {
		if strings.HasPrefix(call, "remove") {
			return refused
		}
		return nil
	}
	r, err := d.store.Install(t.Context())
	if err != nil || len(r.Problems) != 1 || !errors.Is(r.Problems[0], ErrLeft) {
		t.Errorf("%+v %v", r, err)
	}
	if st, err := d.store.Status(t.Context()); err != nil || st.Left != 1 || !st.Installed || len(d.ours(nssdb)) != 2 {
		t.Errorf("%+v %v", st, err)
	}
	d.trust.refuse = nil
	if r, err := d.store.Remove(t.Context()); err != nil || len(r.Problems) > 0 || len(d.ours(nssdb)) != 0 || len(d.files()) > 0 {
		t.Errorf("%+v %v %v", r, err, d.files())
	}
}

func TestDamaged(t *testing.T) {
	d := newDesk(t, nssdb)
	d.install()
	path := filepath.Join(d.state, certFile)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"empty": "", "cut": string(good[:100]), "one": string(good[:strings.LastIndex(string(good), "-----BEGIN")])} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := d.store.Certificate(t.Context()); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	later := New(Options{Dir: d.state, Now: func() time.Time { return time.Now().Add(Lifetime) }})
	if _, err := later.Certificate(t.Context()); !errors.Is(err, ErrExpired) {
		t.Error(err)
	}
	r, err := d.store.read()
	if err != nil {
		t.Fatal(err)
	}
	account := r.Pairs[0].account()
	for name, change := range map[string]func() error{
		"no key":   func() error { return keyring.Ring{}.Delete(t.Context(), account) },
		"no PKCS8": func() error { return keyring.Ring{}.Set(t.Context(), account, "eA==") },
		"another": func() error {
			s := New(Options{Dir: t.TempDir(), Trust: d.trust})
			if _, err := s.Install(t.Context()); err != nil {
				return err
			}
			r, err := s.read()
			if err != nil {
				return err
			}
			secret, err := keyring.Ring{}.Get(t.Context(), r.Pairs[0].account())
			return errors.Join(err, keyring.Ring{}.Set(t.Context(), account, secret))
		},
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if _, err := d.store.Certificate(t.Context()); !errors.Is(err, ErrKeyLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"{", `{"version": 2}`, `{"version": 1, "pairs": [{"id": "00", "ca": "AA=="}]}`} {
		if err := os.WriteFile(filepath.Join(d.state, recordFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := d.store.Install(t.Context()); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := d.store.Status(t.Context()); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestDamagedRecordIsRemoved: whatever became of the record, trust is taken back,
// and the next installation goes.
func TestDamagedRecordIsRemoved(t *testing.T) {
	d := newDesk(t, nssdb, firefox)
	pemFile, jsonFile := filepath.Join(d.state, certFile), filepath.Join(d.state, recordFile)
	bad := func(text []byte) []byte { // a pair of which nothing is whole
		return []byte(strings.Replace(string(text), `"pairs": [`, `"pairs": [{"id": "00", "ca": "AA=="},`, 1))
	}
	for name, c := range map[string]struct {
		damage  func(record []byte) []byte
		withPEM bool
		lost    bool
	}{
		"cut, found by the certificate's file": {func([]byte) []byte { return []byte("{") }, true, false},
		"another version":                      {func([]byte) []byte { return []byte(`{"version": 2}`) }, true, false},
		"cut at the end, found in its text":    {func(text []byte) []byte { return text[:len(text)-5] }, false, false},
		"one pair is bad":                      {bad, false, true},
		"gone":                                 {func([]byte) []byte { return nil }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			d.install()
			text, err := os.ReadFile(jsonFile)
			if err != nil {
				t.Fatal(err)
			}
			text = c.damage(text)
			if err := os.WriteFile(jsonFile, text, 0o600); err != nil {
				t.Fatal(err)
			}
			if text == nil {
				err = os.Remove(jsonFile)
			}
			if !c.withPEM {
				err = errors.Join(err, os.Remove(pemFile))
			}
			if err != nil {
				t.Fatal(err)
			}
			r, err := d.store.Remove(t.Context())
			if err != nil || len(r.Stores) != 2 || len(d.ours(nssdb))+len(d.ours(firefox)) != 0 {
				t.Errorf("%+v %v, left %v %v", r, err, d.ours(nssdb), d.ours(firefox))
			}
			if c.lost != (len(r.Problems) == 1 && errors.Is(r.Problems[0], ErrLost)) || !c.lost && len(r.Problems) > 0 {
				t.Errorf("%v", r.Problems)
			}
			kept := d.files()
			if text != nil {
				if len(kept) != 1 || !strings.HasPrefix(kept[0], "localhost-damaged-") {
					t.Fatalf("kept: %v", kept)
				}
				aside := filepath.Join(d.state, kept[0])
				if got, err := os.ReadFile(aside); err != nil || string(got) != string(text) {
					t.Errorf("%q %v", got, err)
				}
				if err := os.Remove(aside); err != nil {
					t.Fatal(err)
				}
			} else if len(kept) != 0 {
				t.Errorf("kept: %v", kept)
			}
			d.install()
			if _, err := d.store.Remove(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNothingToRescue: where nothing tells any more what is trusted, that is said,
// and the way to a new installation is free.
func TestNothingToRescue(t *testing.T) {
	d := newDesk(t, nssdb)
	d.install()
	if err := errors.Join(os.WriteFile(filepath.Join(d.state, recordFile), []byte("{"), 0o600), os.Remove(filepath.Join(d.state, certFile))); err != nil {
		t.Fatal(err)
	}
	if r, err := d.store.Remove(t.Context()); err != nil || len(r.Problems) != 1 || !errors.Is(r.Problems[0], ErrLost) {
		t.Errorf("%+v %v", r, err)
	}
	d.install()
}

// TestTwoAtOnce: two that install at the same time leave one certificate.
func TestTwoAtOnce(t *testing.T) {
	d := newDesk(t, nssdb)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if _, err := New(Options{Dir: d.state, Trust: d.trust}).Install(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if _, err := d.store.Certificate(t.Context()); err != nil || len(d.ours(nssdb)) != 1 {
		t.Errorf("%v %v", err, d.ours(nssdb))
	}
}
