package pkcs11

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"
)

func TestListKnowsCertificatesByKeyUsage(t *testing.T) {
	p, f := pool(t)
	want := map[string]map[string]Reason{
		"cps":            {"Authentification": Usable, "Signature": NotForAuthentication},
		"cps-ec":         {"Authentification": Usable, "Signature": NotForAuthentication},
		"cpe-unnamed":    {"Authentification": Usable, "Signature": NotForAuthentication},
		"expired":        {"Authentification": Expired, "Signature": NotForAuthentication},
		"technical":      {"Technique": KeyWithoutPIN},
		"signature-only": {"Signature": NotForAuthentication},
	}
	for card, certificates := range want {
		for label, reason := range certificates {
			if got := certificate(t, p, card, label).Reason; got != reason {
				t.Errorf("%s %s: %q, want %q", card, label, got, reason)
			}
		}
	}
	if f.record() != "" {
		t.Errorf("a reading logged in: %q", f.record())
	}
}

func TestNotYetValid(t *testing.T) {
	p, _ := pool(t)
	p.now = func() time.Time { return time.Now().AddDate(-1, 0, 0) }
	if got := authentication(t, p, "cps").Reason; got != NotYetValid {
		t.Errorf("%q", got)
	}
	p.now = func() time.Time { return time.Now().AddDate(4, 0, 0) }
	if got := authentication(t, p, "cps").Reason; got != Expired {
		t.Errorf("%q", got)
	}
}

// The free slot of SoftHSM is neither a reader nor a card.
func TestSlots(t *testing.T) {
	p, _ := pool(t)
	if _, known := p.Snapshot(); known {
		t.Error("a snapshot before the first reading")
	}
	s, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, slot := range s.Slots {
		if slot.Token == nil || !strings.Contains(slot.Token.Label, "TEST") || slot.Module != softHSM || slot.Token.MinPIN != 4 {
			t.Errorf("%+v", slot)
		}
	}
	last, known := p.Snapshot()
	if !known || len(last.Certificates) != len(s.Certificates) || len(last.Slots) != len(s.Slots) {
		t.Error("the snapshot is not the last reading")
	}
}

func TestUnrecognizedAndEmptyReaders(t *testing.T) {
	p, f := pool(t)
	f.tokenErr = wrap("C_GetTokenInfo", softHSM, p11.Error(p11.CKR_TOKEN_NOT_RECOGNIZED))
	s, err := p.List(t.Context())
	if err != nil || len(s.Slots) == 0 || !s.Slots[0].Unrecognized || s.Slots[0].Token != nil || len(s.Certificates) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// The same certificate through two modules is one.
func TestTwoModules(t *testing.T) {
	other := filepath.Join(t.TempDir(), "again.so")
	second := &faulty{}
	p, err := open(t.Context(), Options{Modules: []string{softHSM, other}}, func(path string) (driver, error) {
		d, err := startModuleProcess(softHSM, "", DefaultLimits())
		if path == other {
			second.driver = d
			return second, err
		}
		return d, err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	s, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, c := range s.Certificates {
		if slices.Contains(ids, c.ID) || c.Slot.Module != softHSM {
			t.Errorf("%s through %s", c.ID, c.Slot.Module)
		}
		ids = append(ids, c.ID)
	}
	if len(p.Modules()) != 2 || !strings.Contains(p.Modules()[0].Info, "SoftHSM") {
		t.Errorf("%+v", p.Modules())
	}
}

func TestModulesThatDoNotWork(t *testing.T) {
	text := writeFile(t, "text.so", "this is no library")
	notPKCS11, err := filepath.Glob("/lib/*/libm.so.6")
	if err != nil || len(notPKCS11) == 0 {
		t.Fatalf("no library to take for a module: %v", err)
	}
	for _, c := range []struct {
		path string
		kind error
	}{
		{"/nowhere/module.so", ErrNoModule},
		{text, ErrNotPKCS11},
		{notPKCS11[0], ErrNotPKCS11},
		{"relative.so", ErrNotPKCS11},
		{t.TempDir(), ErrNotPKCS11},
	} {
		p, err := Open(t.Context(), Options{Modules: []string{c.path}})
		if err != nil {
			t.Fatalf("%s: %v", c.path, err)
		}
		state := p.Modules()[0]
		if state.Path != c.path || !errors.Is(state.Err, c.kind) || !strings.Contains(state.Err.Error(), c.path) {
			t.Errorf("%s: %v", c.path, state.Err)
		}
		if _, err := p.List(t.Context()); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", c.path, err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A module that is installed while the agent runs works from then on.
func TestModuleAppears(t *testing.T) {
	missing := true
	p, err := open(t.Context(), Options{Modules: []string{softHSM}}, func(path string) (driver, error) {
		if missing {
			path = "/nowhere/module.so"
		}
		return startModuleProcess(path, "", DefaultLimits())
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	_, err = p.List(t.Context())
	mustBe(t, err, ErrNoModule)
	missing = false
	if _, err = p.List(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNoModuleAtAll(t *testing.T) {
	p, err := open(t.Context(), Options{Modules: []string{}}, func(path string) (driver, error) {
		return nil, &Error{Op: "load", Path: path, Kind: ErrNotPKCS11}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.modules = nil // whatever this machine has in a known place
	_, err = p.List(t.Context())
	mustBe(t, err, ErrNoModule)
}

func TestKnownPathsAreAbsolute(t *testing.T) {
	for _, path := range KnownPaths() {
		if !filepath.IsAbs(path) {
			t.Errorf("%s", path)
		}
	}
	if len(KnownPaths()) == 0 {
		t.Error("none")
	}
}

func TestClosed(t *testing.T) {
	p, _ := pool(t)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.List(t.Context()); err == nil {
		t.Error("a closed pool read")
	}
}

func TestErrorsCarryTheModulesAnswer(t *testing.T) {
	for ckr, kind := range map[p11.Error]error{
		p11.CKR_PIN_INCORRECT: ErrPINIncorrect, p11.CKR_PIN_LOCKED: ErrPINLocked, p11.CKR_DEVICE_REMOVED: ErrCardRemoved,
		p11.CKR_FUNCTION_FAILED: ErrModuleFailed, 0x80000123: ErrModuleFailed,
	} {
		err := wrap("C_Any", "/a/module.so", ckr)
		var e *Error
		if !errors.Is(err, kind) || !errors.As(err, &e) || e.CKR != uint(ckr) || !strings.Contains(err.Error(), "C_Any") {
			t.Errorf("%#x: %v", uint(ckr), err)
		}
	}
	if wrap("C_Any", "", nil) != nil {
		t.Error("no error became one")
	}
}
