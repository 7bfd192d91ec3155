package pkcs11

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/faultmodule"
)

var faultModule = sync.OnceValues(func() (faultmodule.Module, error) {
	dir, err := os.MkdirTemp(cardsDir, "fault")
	if err != nil {
		return faultmodule.Module{}, err
	}
	return faultmodule.Build(context.Background(), dir)
})

// How long a module has for its answer: where it gives one, also on a busy machine; and
// where it hangs, which is waited for in each test.
const (
	toAnswer  = time.Minute
	inHanging = 3 * time.Second
)

// faultyPool is a pool on the fault module before the real SoftHSM, with a limit for each
// call, and the certificate to sign with.
func faultyPool(t *testing.T, limit time.Duration) (*Pool, faultmodule.Module, Certificate) {
	t.Helper()
	m, err := faultModule()
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range m.Env(softHSM) {
		t.Setenv(key, value)
	}
	if err := m.Heal(); err != nil {
		t.Fatal(err)
	}
	p, err := Open(t.Context(), Options{Modules: []string{m.Path}, Limits: Limits{PINPad: limit, Card: limit, Other: limit}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(m.Heal(), p.Close()); err != nil {
			t.Error(err)
		}
	})
	return p, m, authentication(t, p, "cps")
}

// soon is the clock of a pool that need not wait before it starts a module anew.
func soon(p *Pool) {
	now := p.now
	p.now = func() time.Time { return now().Add(time.Hour) }
}

// In whatever call the module crashes, hangs, lies or fails: an error of that
// login, typed, and the next login works.
func TestFaultInEveryCall(t *testing.T) {
	faults := []string{"crash", "rv:80000001", "after:80000001", "rv:30"} // a vendor's code, CKR_DEVICE_ERROR
	for _, function := range faultmodule.Functions() {
		for _, fault := range append(faults, lies(function)...) {
			t.Run(function+" "+fault, func(t *testing.T) {
				p, m, c := faultyPool(t, toAnswer)
				if function == "C_Initialize" || function == "C_GetInfo" { // asked at the start only
					if err := p.Restart(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if err := m.Fail(function, fault); err != nil {
					t.Fatal(err)
				}
				asked := 0
				s, err := p.Sign(t.Context(), request(c, "1234", &asked))
				switch {
				case err == nil: // what fails after the signature, or is not needed for it
					verify(t, s)
				case !errors.Is(err, ErrModuleFailed) && !errors.Is(err, ErrCardRemoved) && !errors.Is(err, ErrCardChanged) && !errors.Is(err, ErrNoModule) &&
					!errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrNoKey) && !errors.Is(err, ErrKeyWithoutPIN):
					t.Errorf("not a typed error: %v", err)
				case errors.Is(err, ErrOutcomeUnknown) != (function == "C_Login" && fault == "crash"):
					t.Errorf("whether the PIN was taken: %v", err)
				}
				if asked > 1 {
					t.Errorf("the person was asked %d times", asked)
				}
				if err := m.Heal(); err != nil {
					t.Fatal(err)
				}
				soon(p)
				s, err = p.Sign(t.Context(), request(c, democard.PIN, nil))
				if err != nil {
					t.Fatalf("the next login: %v", err)
				}
				verify(t, s)
			})
		}
	}
}

// lies are the faults of calls that say how much they give.
func lies(function string) []string {
	switch function {
	case "C_GetSlotList", "C_GetMechanismList", "C_FindObjects", "C_GetAttributeValue", "C_Sign":
		return []string{"lie", "short"}
	}
	return nil
}

// A call that hangs is ended at its limit, the PIN's outcome is said to be
// unknown, and the next login works.
func TestHangInEveryCall(t *testing.T) {
	for _, function := range faultmodule.Functions() {
		t.Run(function, func(t *testing.T) {
			p, m, c := faultyPool(t, inHanging)
			if function == "C_Initialize" || function == "C_GetInfo" { // asked at the start only
				if err := p.Restart(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if err := m.Fail(function, "hang"); err != nil {
				t.Fatal(err)
			}
			asked := 0
			_, err := p.Sign(t.Context(), request(c, democard.PIN, &asked))
			if afterwards := function == "C_Logout"; afterwards != (err == nil) || asked > 1 {
				t.Errorf("%v, asked %d times", err, asked)
			}
			if errors.Is(err, ErrOutcomeUnknown) != (function == "C_Login") {
				t.Errorf("whether the PIN was taken: %v", err)
			}
			if err != nil && !errors.Is(err, ErrModuleHangs) {
				t.Errorf("not said to hang: %v", err)
			}
			if err := m.Heal(); err != nil {
				t.Fatal(err)
			}
			if err := p.Restart(t.Context()); err != nil { // after an opening that nobody waits for
				t.Fatal(err)
			}
			soon(p)
			s, err := p.Sign(t.Context(), request(c, democard.PIN, nil))
			for end := time.Now().Add(time.Minute); errors.Is(err, ErrModuleHangs) && time.Now().Before(end); {
				// A busy machine may take longer to open it than the module has here.
				s, err = p.Sign(t.Context(), request(c, democard.PIN, nil))
			}
			if err != nil {
				t.Fatalf("the next login: %v", err)
			}
			verify(t, s)
		})
	}
}
