package keyring

import (
	"errors"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestRing uses a real keyring, unlocked and locked. One that hangs and one that
// is missing are tested where rings are used, in agent/sites.
func TestRing(t *testing.T) {
	k := testdesktop.NewKeyring(t, "")
	k.Use()
	ctx, r := t.Context(), Ring{}
	if err := r.Check(ctx); err != nil {
		t.Error(err)
	}
	if _, err := r.Get(ctx, "TEST"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	for _, secret := range []string{"one", "two"} {
		if err := r.Set(ctx, "TEST", secret); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Get(ctx, "TEST"); err != nil || got != secret {
			t.Errorf("%q %v", got, err)
		}
	}
	k.Lock()
	_, getErr := r.Get(ctx, "TEST")
	for _, err := range []error{r.Check(ctx), getErr, r.Set(ctx, "TEST", "three"), r.Delete(ctx, "TEST")} {
		if !errors.Is(err, ErrLocked) {
			t.Errorf("locked: %v", err)
		}
	}
	k.Unlock()
	if got, err := r.Get(ctx, "TEST"); err != nil || got != "two" {
		t.Errorf("%q %v", got, err)
	}
	if err := r.Delete(ctx, "TEST"); err != nil {
		t.Error(err)
	}
	if err := r.Delete(ctx, "TEST"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}
