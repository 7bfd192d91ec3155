package sites

import (
	"context"
	"errors"
	"os"
	"testing"
)

// TestCredentialManager uses Windows' own keyring.
func TestCredentialManager(t *testing.T) {
	dir, err := os.MkdirTemp("", "sites")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir) // best effort: wine does not let go of the lock's file
	const one, other = "https://portail.example.fr", "https://autre.example.fr:8443"
	s := New(Options{Dir: dir})
	defer func() { _ = s.ring().Delete(context.Background(), s.account) }()
	for i, step := range []struct {
		do    func() (List, error)
		err   error
		count int
	}{
		{func() (List, error) { return s.List(t.Context()) }, nil, 0},
		{func() (List, error) { return s.Add(t.Context(), one) }, nil, 1},
		{func() (List, error) { return s.Add(t.Context(), other) }, nil, 2},
		{func() (List, error) { return New(Options{Dir: dir}).List(t.Context()) }, nil, 2},
		{func() (List, error) { return s.Forget(t.Context(), one) }, nil, 1},
		{func() (List, error) { return s.Forget(t.Context(), one) }, ErrNotRemembered, 1},
		{func() (List, error) { return s.Forget(t.Context(), other) }, nil, 0},
	} {
		if l, err := step.do(); !errors.Is(err, step.err) || (err == nil) && len(l.Sites) != step.count {
			t.Fatalf("step %d: %v %v, want %d sites and %v", i, l.Sites, err, step.count, step.err)
		}
	}
}
