package localcert

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

func TestInstallRenewRemove(t *testing.T) {
	d := newDesktop(t, nssdb, firefox)
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

	// The new one is trusted before the old one is withdrawn.
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

	// Remove works also where the certificate's file is gone.
	if err := os.Remove(filepath.Join(d.state, certFile)); err != nil {
		t.Fatal(err)
	}
	account := knownPair{ID: pair{ca: c.Certificate[1]}.id()}.account()
	if r, err := d.store.Remove(t.Context()); err != nil || len(r.Problems) > 0 || len(r.Stores) != 2 {
		t.Errorf("%+v %v", r, err)
	}
	if remaining := append(d.ours(nssdb), d.ours(firefox)...); len(remaining) > 0 || len(d.files()) > 0 {
		t.Errorf("left behind: %v %v", remaining, d.files())
	}
	if _, err := (keyring.Ring{}).Get(t.Context(), account); !errors.Is(err, keyring.ErrNotFound) {
		t.Errorf("the key is still in the keyring: %v", err)
	}
	if r, err := d.store.Remove(t.Context()); err != nil || len(r.Stores) != 0 {
		t.Errorf("once more: %+v %v", r, err)
	}
}

// TestTrustRemovedByHand: a certificate that is in a store but no longer trusted is
// reported, and is still removed.
func TestTrustRemovedByHand(t *testing.T) {
	d := newDesktop(t, nssdb, firefox)
	d.install()
	store := filepath.Join(d.home, nssdb)
	name := strings.TrimSpace(strings.TrimSuffix(d.ours(nssdb)[0], "C,,"))
	if out, err := exec.Command("certutil", "-M", "-d", "sql:"+store, "-n", name, "-t", ",,").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	st, err := d.store.Status(t.Context())
	if err != nil || !slices.Equal(st.Missing, []string{store}) || len(st.Trusted) != 1 {
		t.Errorf("%+v %v", st, err)
	}
	if r, err := d.store.Remove(t.Context()); err != nil || len(r.Problems) > 0 || len(d.ours(nssdb)) > 0 {
		t.Errorf("%+v %v", r, err)
	}
}

// TestRecordCannotBeWritten: where the new pair cannot be recorded as the one in
// use, the pair from before stays in use.
func TestRecordCannotBeWritten(t *testing.T) {
	d := newDesktop(t, nssdb)
	d.install()
	before, err := d.store.Certificate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	record := filepath.Join(d.state, recordFile)
	d.trust.refuse = func(call string) error {
		if !strings.HasPrefix(call, "add ") {
			return nil
		}
		// A file cannot replace a folder that is not empty, not even for root.
		return errors.Join(os.Rename(record, record+".aside"), os.MkdirAll(filepath.Join(record, "full"), 0o700))
	}
	if r, err := d.store.Install(t.Context()); err == nil {
		t.Fatalf("installed without a record: %+v", r)
	}
	after, err := d.store.Certificate(t.Context())
	if err != nil || !after.Leaf.Equal(before.Leaf) {
		t.Errorf("the pair from before is not in use: %v", err)
	}
	if names := d.ours(nssdb); len(names) != 1 {
		t.Errorf("trusted: %v", names)
	}
	// Once the record can be written, nothing has been lost.
	d.trust.refuse = nil
	if err := errors.Join(os.RemoveAll(record), os.Rename(record+".aside", record)); err != nil {
		t.Fatal(err)
	}
	d.install()
	if names := d.ours(nssdb); len(names) != 1 {
		t.Errorf("trusted: %v", names)
	}
}

// TestFirstRecordCannotBeWritten: nor does a certificate stay that is not recorded.
func TestFirstRecordCannotBeWritten(t *testing.T) {
	d := newDesktop(t, nssdb)
	record := filepath.Join(d.state, recordFile)
	d.trust.refuse = func(call string) error {
		if !strings.HasPrefix(call, "add ") {
			return nil
		}
		return errors.Join(os.Rename(record, record+".aside"), os.MkdirAll(filepath.Join(record, "full"), 0o700))
	}
	if r, err := d.store.Install(t.Context()); err == nil {
		t.Fatalf("installed without a record: %+v", r)
	}
	if _, err := d.store.Certificate(t.Context()); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("a certificate stays: %v", err)
	}
}

func (d *desktop) noKeyInFiles() {
	d.t.Helper()
	for _, name := range d.files() {
		text, err := os.ReadFile(filepath.Join(d.state, name))
		info, statErr := os.Stat(filepath.Join(d.state, name))
		if err != nil || statErr != nil || strings.Contains(string(text), "PRIVATE") || info.Mode().Perm() != 0o600 {
			d.t.Errorf("%s: %v %v", name, info, err)
		}
	}
}

// TestExpiredTrust: an expired certificate is removed too, which the library does not do.
func TestExpiredTrust(t *testing.T) {
	d := desktopWithoutKeyring(t, nssdb)
	ca, err := newAuthority(time.Now().Add(-2 * Lifetime))
	if err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(d.home, nssdb)
	if out, err := exec.Command("certutil", "-A", "-d", "sql:"+store, "-t", "C,,", "-n", libraryName(ca.cert), "-i", writePEM(t, t.TempDir(), "ca.pem", ca.der)).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if present, err := d.trust.Has(store, ca.cert); err != nil || !present {
		t.Fatal(present, err)
	}
	if err := d.trust.Remove(store, ca.cert); err != nil || len(d.ours(nssdb)) != 0 {
		t.Errorf("%v %v", err, d.ours(nssdb))
	}
}

// TestNoKeyring: without a keyring nothing is trusted and nothing is written.
func TestNoKeyring(t *testing.T) {
	d := desktopWithoutKeyring(t, nssdb)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(d.home, "no-bus"))
	if _, err := d.store.Install(t.Context()); !errors.Is(err, keyring.ErrNone) {
		t.Errorf("%v", err)
	}
	if len(d.trust.calls) > 0 || len(d.ours(nssdb)) > 0 || len(d.files()) > 0 {
		t.Errorf("%v %v %v", d.trust.calls, d.ours(nssdb), d.files())
	}
}

func TestKeyringLocked(t *testing.T) {
	d := desktopWithoutKeyring(t, nssdb)
	k := testdesktop.NewKeyring(t, "")
	k.Use()
	d.install()
	k.Lock()
	if _, err := d.store.Certificate(t.Context()); !errors.Is(err, keyring.ErrLocked) {
		t.Error(err)
	}
	r, err := d.store.Remove(t.Context())
	if err != nil || len(r.Problems) != 1 || !errors.Is(r.Problems[0], ErrStillTrusted) || len(d.ours(nssdb)) != 0 {
		t.Errorf("%+v %v", r, err)
	}
	k.Unlock()
	if r, err := d.store.Remove(t.Context()); err != nil || len(r.Problems) > 0 || len(d.files()) > 0 {
		t.Errorf("the key, later: %+v %v %v", r, err, d.files())
	}
}

func TestNoStore(t *testing.T) {
	d := newDesktop(t)
	if _, err := d.store.Install(t.Context()); !errors.Is(err, ErrNoStore) || len(d.files()) > 0 {
		t.Errorf("%v %v", err, d.files())
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := d.store.Install(t.Context()); !errors.Is(err, ErrNoTool) {
		t.Error(err)
	}
}

// TestOneStoreBroken: the other stores still get the certificate, and the broken one is named.
func TestOneStoreBroken(t *testing.T) {
	d := newDesktop(t, nssdb, firefox)
	if err := os.WriteFile(filepath.Join(d.home, firefox, "cert9.db"), []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := d.store.Install(t.Context())
	if err != nil || len(r.Stores) != 1 || len(r.Problems) != 1 || !errors.Is(r.Problems[0], ErrTrust) || !strings.Contains(r.Problems[0].Error(), "x.default") {
		t.Errorf("%+v %v", r, err)
	}
	// A profile that was deleted trusts nothing.
	if err := os.RemoveAll(filepath.Join(d.home, ".mozilla")); err != nil {
		t.Fatal(err)
	}
	if r, err := d.store.Remove(t.Context()); err != nil || len(r.Problems) > 0 || len(d.files()) > 0 {
		t.Errorf("%+v %v", r, err)
	}
}

// TestRefusals: where a store refuses the new certificate, the old one stays in use,
// and one that cannot be removed stays in the record.
func TestRefusals(t *testing.T) {
	d := newDesktop(t, nssdb)
	d.install()
	before, err := d.store.Certificate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("TEST")
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
	if st, err := d.store.Status(t.Context()); err != nil || st.Older != 0 || !st.Installed {
		t.Errorf("the refused certificate is still recorded: %+v %v", st, err)
	}
	d.trust.refuse = func(call string) error {
		if strings.HasPrefix(call, "remove") {
			return refused
		}
		return nil
	}
	r, err := d.store.Install(t.Context())
	if err != nil || len(r.Problems) != 1 || !errors.Is(r.Problems[0], ErrStillTrusted) {
		t.Errorf("%+v %v", r, err)
	}
	if st, err := d.store.Status(t.Context()); err != nil || st.Older != 1 || !st.Installed || len(d.ours(nssdb)) != 2 {
		t.Errorf("%+v %v", st, err)
	}
	d.trust.refuse = nil
	if r, err := d.store.Remove(t.Context()); err != nil || len(r.Problems) > 0 || len(d.ours(nssdb)) != 0 || len(d.files()) > 0 {
		t.Errorf("%+v %v %v", r, err, d.files())
	}
}

// TestTwoAtOnce: installations at the same time leave one certificate.
func TestTwoAtOnce(t *testing.T) {
	d := newDesktop(t, nssdb)
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
