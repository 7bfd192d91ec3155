package login

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestKeyringLockedAtStart: nothing is remembered, nothing offered, it is said
// once, and when the keyring opens the next login counts.
func TestKeyringLockedAtStart(t *testing.T) {
	a := newAsking(t, askAll, func(a *asking) {
		if _, err := a.store.Add(t.Context(), otherOrigin); err != nil {
			t.Fatal(err)
		}
		a.keyring.Lock()
	})
	p := otherOrigin
	for range 3 {
		a.logIn(p)
	}
	if list, err := a.Sites(); !errors.Is(err, sites.ErrLocked) || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
	if n := strings.Count(a.log.String(), "sites are not remembered"); n != 1 {
		t.Errorf("said %d times:\n%s", n, a.log)
	}
	if strings.Contains(a.all(), "always") {
		t.Errorf("asked: %s", a.all())
	}
	a.keyring.Unlock()
	for asked := -1; asked != strings.Count(a.all(), "consent"); { // one may still be under way from before
		if asked = strings.Count(a.all(), "consent"); asked > 6 {
			t.Fatalf("asked for consent with the keyring open: %s", a.all())
		}
		a.logIn(p)
	}
}

// TestKeyringOpensLater: that a keyring was opened after the agent's start is
// noticed by a page that asks for the status, and by the menu, with no login.
func TestKeyringOpensLater(t *testing.T) {
	for name, noticed := range map[string]func(a *asking, origin string) bool{
		"status": func(a *asking, origin string) bool { return a.Allowed(origin) },
		"menu": func(a *asking, _ string) bool {
			list, err := a.Sites()
			return err == nil && len(list) == 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAsking(t, askAll, func(a *asking) {
				if _, err := a.store.Add(t.Context(), otherOrigin); err != nil {
					t.Fatal(err)
				}
				a.keyring.Lock()
			})
			a.serve(askAll, Limits{Keyring: time.Millisecond})
			p := otherOrigin
			<-a.siteCache.loaded()
			if _, err := a.Sites(); !errors.Is(err, sites.ErrLocked) || a.Allowed(p) {
				t.Errorf("%v", err)
			}
			a.keyring.Unlock()
			end := time.Now().Add(testdesktop.Patience)
			for !noticed(a, p) {
				if time.Now().After(end) {
					t.Fatal("never noticed")
				}
				<-a.siteCache.loaded() // what the question began
			}
			if n := strings.Count(a.log.String(), "sites are not remembered"); n > 2 { // by each of the two agents
				t.Errorf("said %d times:\n%s", n, a.log)
			}
		})
	}
}

// loaded is closed when nothing is being read.
func (r *siteCache) loaded() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loading != nil {
		return r.loading
	}
	done := make(chan struct{})
	close(done)
	return done
}

// TestForgetWithLockedKeyring: it counts at once, and the error says that it is
// not written down.
func TestForgetWithLockedKeyring(t *testing.T) {
	a := newAsking(t, askAll)
	p := otherOrigin
	a.always <- nil
	a.logIn(p)
	a.remembers(otherOrigin)
	a.keyring.Lock()
	a.logIn(p) // what was read stays
	if err := a.Forget(otherOrigin); !errors.Is(err, sites.ErrLocked) {
		t.Errorf("%v", err)
	}
	if a.Allowed(p) {
		t.Error("a forgotten site is allowed")
	}
	if list, _ := a.Sites(); len(list) != 0 {
		t.Errorf("shown: %v", list)
	}
}
