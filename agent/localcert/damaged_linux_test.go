package localcert

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
)

func TestDamaged(t *testing.T) {
	d := newDesktop(t, nssdb)
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

// TestDamagedRecordIsRemoved: whatever happened to the record, trust is withdrawn,
// and the next installation works.
func TestDamagedRecordIsRemoved(t *testing.T) {
	d := newDesktop(t, nssdb, firefox)
	pemFile, jsonFile := filepath.Join(d.state, certFile), filepath.Join(d.state, recordFile)
	bad := func(text []byte) []byte { // adds a pair with a wrong id and certificate
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
				t.Errorf("%+v %v, still trusted: %v %v", r, err, d.ours(nssdb), d.ours(firefox))
			}
			if c.lost != (len(r.Problems) == 1 && errors.Is(r.Problems[0], ErrLost)) || !c.lost && len(r.Problems) > 0 {
				t.Errorf("%v", r.Problems)
			}
			names := d.files()
			if text != nil {
				if len(names) != 1 || !strings.HasPrefix(names[0], "localhost-damaged-") {
					t.Fatalf("set aside: %v", names)
				}
				aside := filepath.Join(d.state, names[0])
				if got, err := os.ReadFile(aside); err != nil || string(got) != string(text) {
					t.Errorf("%q %v", got, err)
				}
				if err := os.Remove(aside); err != nil {
					t.Fatal(err)
				}
			} else if len(names) != 0 {
				t.Errorf("still there: %v", names)
			}
			d.install()
			if _, err := d.store.Remove(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNothingToRescue: where nothing records any more what is trusted, that is
// reported, and a new installation works.
func TestNothingToRescue(t *testing.T) {
	d := newDesktop(t, nssdb)
	d.install()
	if err := errors.Join(os.WriteFile(filepath.Join(d.state, recordFile), []byte("{"), 0o600), os.Remove(filepath.Join(d.state, certFile))); err != nil {
		t.Fatal(err)
	}
	if r, err := d.store.Remove(t.Context()); err != nil || len(r.Problems) != 1 || !errors.Is(r.Problems[0], ErrLost) {
		t.Errorf("%+v %v", r, err)
	}
	d.install()
}
