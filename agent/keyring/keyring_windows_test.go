package keyring

import (
	"errors"
	"testing"
)

// TestCredentialManager: what was put in is read, replaced and removed, and doctor's
// question finds that it answers.
func TestCredentialManager(t *testing.T) {
	const account = "TEST account"
	ctx := t.Context()
	if err := reachable(ctx, false); err != nil {
		t.Fatal(err)
	}
	if got, err := get(ctx, false, account); err == nil {
		t.Fatalf("before anything was put in: %q", got)
	}
	for _, secret := range []string{"first", "second, é, 日本"} {
		if err := set(ctx, false, account, secret); err != nil {
			t.Fatal(err)
		}
		if got, err := get(ctx, false, account); err != nil || got != secret {
			t.Errorf("%q, %v; want %q", got, err, secret)
		}
	}
	if err := remove(ctx, false, account); err != nil {
		t.Error(err)
	}
	if got, err := get(ctx, false, account); err == nil {
		t.Errorf("after its removal: %q", got)
	}
	if err := kind(errors.New("TEST")); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
}
