package policy

import (
	"context"
	"io/fs"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// listing is a policy that lists, in a registry that is written while an agent runs.
type listing struct {
	mu      sync.Mutex
	root    *fakeKey
	changed func() // nil: nothing is reported
	inForce *Effective
	refused error
	watched
}

var whole = map[string]Value{`origins\mode`: sz("listed"), `origins\allow\1`: sz("https://a.fr"), `origins\block\1`: sz("https://b.fr"), `origins\block\2`: sz("https://c.fr")}

// without is the whole policy but the values that begin so.
func without(begin string) map[string]Value {
	values := maps.Clone(whole)
	maps.DeleteFunc(values, func(name string, _ Value) bool { return strings.HasPrefix(name, begin) })
	return values
}

// write puts values in the place of those that are there; nil: there is no policy.
func (l *listing) write(values map[string]Value) {
	_, root := fakeRegistry(values)
	if values == nil {
		root.closed = fs.ErrNotExist
	}
	l.mu.Lock()
	l.root = root
	l.mu.Unlock()
	if l.changed != nil {
		l.changed()
	}
}

func (l *listing) mode() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inForce.Origins.Mode
}

func (l *listing) why() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused
}

// followed has the policy followed, its changes reported or not, by a clock of its own which
// goes on when all wait.
func followed(t *testing.T, reported bool, test func(l *listing)) {
	synctest.Test(t, func(t *testing.T) {
		l := &listing{}
		l.write(whole)
		registry, _ := fakeRegistry(nil)
		registry.Open = func() (Key, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.root, l.root.closed
		}
		events := newNotices()
		registry.Watch = func(ctx context.Context, changed func()) error {
			for {
				select {
				case <-events:
					changed()
				case <-ctx.Done():
					return nil
				}
			}
		}
		now, err := Load(Paths{Registry: registry})
		if err != nil {
			t.Fatal(err)
		}
		l.inForce = now
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w := Watch{Paths: Paths{Registry: registry}, Now: now, Logger: slog.New(slog.NewTextHandler(&l.watched, nil)),
			Changed: func(e *Effective) { l.mu.Lock(); defer l.mu.Unlock(); l.inForce = e },
			Refused: func(err error) { l.mu.Lock(); defer l.mu.Unlock(); l.refused = err },
		}
		go w.Run(ctx)
		if reported {
			l.changed = events.notify
		}
		time.Sleep(10 * time.Second) // of that clock, as all below: it takes no time
		test(l)
		cancel()
		synctest.Wait()
	})
}

// changes is how many settings the log says that they changed.
func (l *listing) changes() int { return strings.Count(l.logged(), `msg="setting changed"`) }

// TestWatchHalfWritten: a policy that is gone, or half there, while it is written anew stays
// in force, whether its changes are reported or found unasked.
func TestWatchHalfWritten(t *testing.T) {
	for name, half := range map[string]map[string]Value{
		"removed": nil, "a key": without(`origins\mode`), "a list": without(`origins\block`), "an entry": without(`origins\block\2`), "emptied": {},
	} {
		for _, reported := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				followed(t, reported, func(l *listing) {
					began := time.Now().Add(-10 * time.Second)
					for _, moment := range []time.Duration{400 * time.Millisecond, time.Second, 4 * time.Second} {
						// So that it is half there when it is read unasked.
						time.Sleep(defaultUnasked - time.Since(began)%defaultUnasked - moment/2)
						l.write(half)
						time.Sleep(moment)
						l.write(whole)
						time.Sleep(10 * time.Second)
					}
					time.Sleep(5 * time.Minute)
					if n := l.changes(); n != 0 || l.mode() != ModeListed {
						t.Errorf("reported: %v: %d changes:\n%s", reported, n, l.logged())
					}
				})
			})
		}
	}
}

// TestWatchNeverSettles: a policy that changes without end is not taken, which is said, until
// it rests.
func TestWatchNeverSettles(t *testing.T) {
	followed(t, true, func(l *listing) {
		half := map[string]Value{`origins\mode`: sz("ask")}
		for range 100 {
			l.write(half)
			time.Sleep(100 * time.Millisecond)
		}
		if err := l.why(); l.mode() != ModeListed || err == nil || !strings.Contains(err.Error(), testKey+": is changed again and again") {
			t.Errorf("%s, %v", l.mode(), err)
		}
		l.write(map[string]Value{`origins\mode`: sz("ask"), `origins\allow\1`: sz("https://n.fr"), `origins\block\1`: sz("https://o.fr")})
		time.Sleep(time.Second)
		if err := l.why(); l.mode() != ModeAsk || err != nil {
			t.Errorf("at rest: %s, %v:\n%s", l.mode(), err, l.logged())
		}
	})
}

// TestWatchRemoved: a policy, or a key of it, that is removed for good is gone in some
// seconds, and the log says so.
func TestWatchRemoved(t *testing.T) {
	for name, rest := range map[string]map[string]Value{"removed": nil, "a key": without(`origins\mode`)} {
		t.Run(name, func(t *testing.T) {
			followed(t, true, func(l *listing) {
				l.write(rest)
				time.Sleep(4 * time.Second)
				if l.mode() != ModeListed {
					t.Error("gone at once")
				}
				time.Sleep(4 * time.Second)
				if l.mode() != ModeAsk || !strings.Contains(l.logged(), `msg="something of the machine's policy was removed" gone=`) {
					t.Errorf("%s:\n%s", l.mode(), l.logged())
				}
			})
		})
	}
}

// TestSettle: a person whose file changes without end keeps no policy from being read.
func TestSettle(t *testing.T) {
	for _, persons := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			machine, user := newNotices(), newNotices()
			restless := machine
			if persons {
				restless = user
			}
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() {
				for ctx.Err() == nil {
					restless.notify()
					time.Sleep(defaultSettle / 3)
				}
			})
			if got := (&Watch{Settle: defaultSettle}).settle(ctx, machine, user); got != persons {
				t.Errorf("the person's: %v: %v", persons, got)
			}
			cancel()
			running.Wait()
		})
	}
}
