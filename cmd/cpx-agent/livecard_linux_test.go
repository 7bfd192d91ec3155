package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
	"github.com/cpx-bridge/cpx-bridge/internal/owners"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// staysOpen opens a card session in a pool, and returns the certificate.
func staysOpen(t *testing.T, pool *pkcs11.Pool) (id string) {
	t.Helper()
	snapshot, err := pool.List(t.Context())
	usable := slices.IndexFunc(snapshot.Certificates, func(c pkcs11.Certificate) bool { return c.Reason == pkcs11.Usable })
	if err != nil || usable < 0 {
		t.Fatalf("no certificate for a login: %v", err)
	}
	id = snapshot.Certificates[usable].ID
	_, err = pool.Sign(t.Context(), pkcs11.Request{
		CertificateID: id, OpenCardSession: true,
		Message: func(pkcs11.Algorithm) ([]byte, error) { return []byte("TEST"), nil },
		PIN:     func(context.Context, pkcs11.PINRequest) ([]byte, error) { return []byte(democard.PIN), nil },
	})
	if err != nil || !pool.HasCardSession(id) {
		t.Fatalf("no card session: %v", err)
	}
	return id
}

// TestLiveCards: where modules take the place of others, no card stays unlocked in those
// before when the next login may begin; and a restart of the readers' service that the new
// ones were open before is made up for.
func TestLiveCards(t *testing.T) {
	w := workstation.New(t, "cps")
	settings := func(limit time.Duration) *policy.Effective {
		file := filepath.Join(t.TempDir(), "policy.toml")
		if err := os.WriteFile(file, []byte("modules = ['"+w.Module+"']\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := policy.Load(policy.Paths{Machine: file, Owners: owners.Person})
		if err != nil {
			t.Fatal(err)
		}
		e.Limits.Other = limit // makes the settings others
		return e
	}
	l, s, opened := liveWith(t, settings(10*time.Second))
	before := l.pool.pool.Load()
	id := staysOpen(t, before)
	var restarts bool
	open := l.open
	l.open = func(ctx context.Context, e *policy.Effective) (*pkcs11.Pool, error) {
		pool, err := open(ctx, e)
		staysOpen(t, pool)
		if restarts {
			_ = l.pool.Restart(ctx)
		}
		return pool, err
	}
	s.at = func() {
		if before.HasCardSession(id) {
			t.Error("the card is still unlocked in the modules from before")
		}
		if l.pool.HasCardSession(id) == restarts {
			t.Errorf("restarted %v, the new modules opened anew %v", restarts, !restarts)
		}
	}
	for limit := 11 * time.Second; limit < 13*time.Second; limit += time.Second {
		before = l.pool.pool.Load()
		l.set(t.Context(), settings(limit))
		after(t, "modules", opened)
		after(t, "a login's end", s.done)
		restarts = true
	}
}
