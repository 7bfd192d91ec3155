package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/owners"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// served is a server whose logins end when they shall.
type served struct {
	refused chan error
	between chan error // what the next BetweenLogins gives; nothing there: nil
	done    chan struct{}
	at      func() // nil, or called while no login may begin yet, after what was to be done
}

func (s *served) SetPolicy(context.Context, *policy.Effective) {}
func (s *served) Refresh(context.Context)                      {}
func (s *served) SettingsRefused(err error)                    { s.refused <- err }

func (s *served) BetweenLogins(_ context.Context, do func()) error {
	select {
	case err := <-s.between:
		return err
	default:
		do()
		if s.at != nil {
			s.at()
		}
		s.done <- struct{}{}
		return nil
	}
}

// opening is what opening modules gave, and with which settings.
type opening struct {
	of   *policy.Effective
	pool *pkcs11.Pool
}

// liveWith replaces modules and dialogs until the test ends; fails is what opening modules
// gives beside a pool, one for each time.
func liveWith(t *testing.T, now *policy.Effective, fails ...error) (*live, *served, chan opening) {
	t.Helper()
	s := &served{refused: make(chan error, 10), between: make(chan error, 10), done: make(chan struct{}, 10)}
	opened := make(chan opening, 10)
	l := &live{log: slog.New(slog.DiscardHandler), level: &slog.LevelVar{}, server: s, wanted: make(chan struct{}, 1), pause: time.Millisecond, sendEvents: func(bool) {}}
	l.notifications.start = func(context.Context) <-chan struct{} { ended := make(chan struct{}); close(ended); return ended }
	first, err := l.openPool(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	l.pool.replace(first)
	l.prompter.replace(l.newPrompter(now))
	l.open = func(ctx context.Context, e *policy.Effective) (pool *pkcs11.Pool, err error) {
		if pool, err = l.openPool(ctx, e); err != nil {
			t.Error(err)
		}
		if len(fails) > 0 {
			err, fails = fails[0], fails[1:]
		}
		opened <- opening{e, pool}
		return pool, err
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); l.replaceBetweenLogins(ctx, now) }()
	t.Cleanup(func() { cancel(); <-ended; _ = l.pool.Close() })
	return l, s, opened
}

// ofPolicy are a machine's settings with modules that do not exist.
func ofPolicy(t *testing.T, more string) *policy.Effective {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "policy.toml")
	text := "modules = ['" + filepath.Join(dir, "..", "missing.so") + "']\npinentry = '" + filepath.Join(dir, "..", "pinentry") + "'\n" + more
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := policy.Load(policy.Paths{Machine: file, Owners: owners.Person})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// after is what comes of a channel.
func after[T any](t *testing.T, what string, c <-chan T) (x T) {
	t.Helper()
	select {
	case x = <-c:
	case <-time.After(2 * time.Second): // or this would wait for the test's own end
		t.Fatalf("%s: nothing came", what)
	}
	return x
}

// TestLiveNetworkModules: where modules_from_network changes, either way, modules and
// dialogs come to be those of the settings that say so, though nothing else changes.
func TestLiveNetworkModules(t *testing.T) {
	no, yes := ofPolicy(t, "modules_from_network = false\n"), ofPolicy(t, "modules_from_network = true\n")
	l, s, opened := liveWith(t, no)
	for _, next := range []*policy.Effective{yes, no} {
		before := l.prompter.get()
		l.set(t.Context(), next)
		if got := after(t, "modules", opened); got.of != next || got.of.ModulesFromNetwork != next.ModulesFromNetwork {
			t.Error("modules of other settings")
		}
		after(t, "a login's end", s.done)
		if l.prompter.get() == before {
			t.Error("dialogs of other settings")
		}
	}
	if n := len(s.refused); n != 0 {
		t.Errorf("%d refusals", n)
	}
}

// TestLiveRetries: modules that do not open, or no end of a login, are said, and tried once
// more until they are in their place; what was opened in vain is closed.
func TestLiveRetries(t *testing.T) {
	failure, busy, bad := errors.New("TEST does not open"), errors.New("TEST no end"), errors.New("TEST bad settings")
	now, next := ofPolicy(t, ""), ofPolicy(t, "")
	next.Modules = []string{next.Modules[0] + ".other"}
	l, s, opened := liveWith(t, now, failure)
	s.between <- busy
	l.set(t.Context(), next)
	var vain []*pkcs11.Pool
	for _, want := range []error{failure, busy} {
		vain = append(vain, after(t, "modules", opened).pool)
		if err := after(t, "a refusal", s.refused); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if err := after(t, "its end", s.refused); err != nil {
		t.Error(err)
	}
	if pool := after(t, "modules", opened).pool; l.pool.pool.Load() != pool {
		t.Error("not those that were opened last")
	}
	for _, pool := range vain {
		if err := pool.Restart(t.Context()); err == nil || !strings.Contains(err.Error(), "the pool is closed") {
			t.Errorf("modules that were opened in vain run on: %v", err)
		}
	}
	// Bad settings, and modules that do not open: the end of one is not that of the other.
	l.unopened(failure)
	l.refused(bad)
	l.refused(nil)
	l.refused(bad)
	l.unopened(nil)
	for i, want := range []error{failure, bad, failure, bad, bad} {
		if err := after(t, "a refusal", s.refused); !errors.Is(err, want) {
			t.Errorf("%d: %v, want %v", i, err, want)
		}
	}
}
