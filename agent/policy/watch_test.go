package policy

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/owners"
)

// watched is a Watch that runs, and what it was heard to say.
type watched struct {
	t       *testing.T
	paths   Paths
	news    chan *Effective
	refused chan error

	mu  sync.Mutex
	log bytes.Buffer
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(b)
}

func (w *watched) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// watch runs a Watch; unasked is after how long it reads unasked.
func watch(t *testing.T, paths Paths, unasked time.Duration) *watched {
	t.Helper()
	return watchBy(t, paths, unasked, nil)
}

// watchBy is watch whose files are followed so.
func watchBy(t *testing.T, paths Paths, unasked time.Duration, follow func(context.Context, []string, func()) error) *watched {
	t.Helper()
	now, err := Load(paths)
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{t: t, paths: paths, news: make(chan *Effective, 100), refused: make(chan error, 100)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Watch{
			Paths: paths, Now: now, Logger: slog.New(slog.NewTextHandler(w, nil)), Settle: 10 * time.Millisecond, Unasked: unasked, Patience: 200 * time.Millisecond, Doubt: 20 * time.Millisecond, follow: follow,
			Changed: func(e *Effective) { w.news <- e }, Refused: func(err error) { w.refused <- err },
		}.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return w
}

// until waits for settings that are so.
func (w *watched) until(what string, so func(*Effective) bool) *Effective {
	w.t.Helper()
	for {
		select {
		case e := <-w.news:
			if so(e) {
				return e
			}
		case <-time.After(20 * time.Second):
			w.t.Fatalf("%s: not news:\n%s", what, w.logged())
		}
	}
}

func (w *watched) untilRefused(part string) {
	w.t.Helper()
	for {
		select {
		case err := <-w.refused:
			if part == "" && err == nil || part != "" && err != nil && strings.Contains(err.Error(), part) {
				return
			}
		case <-time.After(20 * time.Second):
			w.t.Fatalf("%q was not said:\n%s", part, w.logged())
		}
	}
}

func (w *watched) write(path, text string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	// Windows replaces no file that is just being read, as by the watch, and no event says when it
	// is not any more: editors try again.
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		err := os.Rename(path+".new", path)
		if err == nil {
			return
		}
		if runtime.GOOS != "windows" || !errors.Is(err, fs.ErrPermission) || time.Now().After(end) {
			w.t.Fatal(err)
		}
	}
}

func session(d time.Duration) func(*Effective) bool {
	return func(e *Effective) bool { return e.PIN.Session == d }
}

// TestWatch: a policy that comes, changes, turns bad, is mended and goes, in a folder that
// was not there, is in force each time; the log says what changed, and where it comes from.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	paths := Paths{Machine: filepath.Join(dir, "etc", "policy.toml"), User: filepath.Join(dir, "home", "config.toml"), Owners: owners.Person}
	w := watch(t, paths, time.Hour)
	w.write(paths.Machine, "[pin]\nsession = \"30m\"\n")
	w.until("a policy that came", session(30*time.Minute))
	w.write(paths.Machine, "[pin]\nsession = \"1h\"\n[origins]\nmode = \"listed\"\n")
	if e := w.until("another", session(time.Hour)); e.Decide("https://a.fr") != NotListed {
		t.Error("the mode did not change")
	}
	for _, part := range []string{
		`key=pin.session old=0s new=30m0s was_from=default from=` + paths.Machine, `key=pin.session old=30m0s new=1h0m0s`,
		`key=origins.mode old="\"ask\"" new="\"listed\""`, "audit=setting",
	} {
		if !strings.Contains(w.logged(), part) {
			t.Errorf("the log says nothing of %s:\n%s", part, w.logged())
		}
	}
	w.write(paths.Machine, "[pin]\nsession = \"9h\"\n")
	w.untilRefused("policy.toml:2: pin.session")
	w.write(paths.User, "lang = \"en\"\n")
	if e := w.until("a person's file beside a bad policy", func(e *Effective) bool { return e.Lang == "en" }); e.PIN.Session != time.Hour || e.Origins.Mode != ModeListed {
		t.Errorf("a bad policy: %+v", e.Settings)
	}
	w.write(paths.Machine, "[pin]\nsession = \"2h\"\n")
	w.until("a mended policy", session(2*time.Hour))
	w.untilRefused("")
	if err := os.RemoveAll(filepath.Dir(paths.Machine)); err != nil {
		t.Fatal(err)
	}
	w.until("no policy any more", func(e *Effective) bool { return !e.Managed() && e.PIN.Session == 0 && e.Lang == "en" })
}

// TestWatchPersonsFault: a person whose own file is bad, or sets what it may not, does not
// keep a policy from being taken, nor gets more when the policy goes.
func TestWatchPersonsFault(t *testing.T) {
	dir := t.TempDir()
	paths := Paths{Machine: filepath.Join(dir, "etc", "policy.toml"), User: filepath.Join(dir, "home", "config.toml"), Owners: owners.Person}
	w := (&watched{t: t})
	w.write(paths.Machine, "lang = \"fr\"\n")
	w.write(paths.User, "[pin]\nsession = \"4h\"\n[origins]\nblock = [\"https://b.fr\"]\n")
	w = watch(t, paths, time.Hour)
	w.write(paths.User, "colour = 1\n")
	w.untilRefused("colour")
	w.write(paths.Machine, "[origins]\nmode = \"listed\"\n")
	if e := w.until("a policy beside a person's bad file", func(e *Effective) bool { return e.Origins.Mode == ModeListed }); e.Decide("https://b.fr") != Blocked {
		t.Error("what the person blocked is open while their file is bad")
	}
	if err := os.Remove(paths.Machine); err != nil {
		t.Fatal(err)
	}
	if e := w.until("no policy any more", func(e *Effective) bool { return !e.Managed() }); e.PIN.Session != 0 || e.Decide("https://b.fr") != Blocked {
		t.Errorf("%+v", e.Settings)
	}
	w.write(paths.User, "[pin]\nsession = \"4h\"\n")
	w.untilRefused("pin.session")
	w.write(paths.User, "log = {level = \"warn\"}\n")
	w.untilRefused("")
}

// TestWatchUnreported: what no system reports is read after a while, from a registry too.
func TestWatchUnreported(t *testing.T) {
	registry, root := fakeRegistry(map[string]Value{`pin\session`: sz("30m")})
	var mu sync.Mutex
	open := registry.Open
	registry.Open = func() (Key, error) { mu.Lock(); defer mu.Unlock(); _, err := open(); return root.copy(), err }
	registry.Watch = func(context.Context, func()) error { return errors.New("not here") }
	w := watch(t, Paths{Registry: registry, Machine: "/nowhere"}, 20*time.Millisecond)
	change := func(f func()) { mu.Lock(); defer mu.Unlock(); f() }
	change(func() { root.at("pin").values["session"] = sz("1h") })
	w.until("another value", session(time.Hour))
	change(func() { root.at("pin").values["session"] = dword(30) })
	w.untilRefused(testKey + `\pin\session: must be REG_SZ, not REG_DWORD`)
	change(func() { root.at("pin").closed = os.ErrPermission })
	w.untilRefused(testKey + `\pin: cannot be read`)
	change(func() { root.at("pin").closed, root.at("pin").values["session"] = nil, sz("2h") })
	w.until("the mended value", session(2*time.Hour))
	w.untilRefused("")
	if !strings.Contains(w.logged(), "settings are not watched") {
		t.Error("nothing says that the registry is not watched")
	}
}

// TestWatchUnreportedFiles: no system reports what happens on a network drive. What a person writes
// there, or an administrator, is read after a while; what is bad is refused, and good again once it
// is what is in force.
func TestWatchUnreportedFiles(t *testing.T) {
	dir := t.TempDir()
	paths := Paths{Machine: filepath.Join(dir, "machine.toml"), User: filepath.Join(dir, "user.toml")}
	card := func(d time.Duration) func(*Effective) bool {
		return func(e *Effective) bool { return e.Limits.Card == d }
	}
	for _, path := range []string{paths.User, paths.Machine} {
		w := watchBy(t, paths, 20*time.Millisecond, func(context.Context, []string, func()) error { return errors.New("not here") })
		w.write(path, "[limits]\ncard = \"20s\"\n")
		w.until("a file that is new", card(20*time.Second))
		w.write(path, "[limits]\ncard = 20\n")
		w.untilRefused("limits.card")
		w.write(path, "[limits]\ncard = \"20s\"\n")
		w.untilRefused("")
		w.write(path, "[limits]\ncard = \"50s\"\n")
		w.until("another value", card(50*time.Second))
	}
}

// TestStands: a reading of what is in force is none to settle for, unless one before it has not
// come to its end.
func TestStands(t *testing.T) {
	paths := Paths{User: filepath.Join(t.TempDir(), "user.toml"), Machine: "/nowhere"}
	now, err := Load(paths)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Watch)
		stands bool
	}{
		"nothing": {func(*Watch) {}, true},
		"a doubt": {func(w *Watch) { w.doubt = &doubt{} }, false},
		"a reading that takes longer": {func(w *Watch) {
			w.pending = make(chan userRead, 1)
			w.pending <- userRead{source: now.user}
		}, false},
	} {
		w := &Watch{Paths: paths, Now: now, Patience: time.Minute}
		c.change(w)
		if got := w.stands(t.Context()); got != c.stands {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// copy is the key as it is now.
func (k *fakeKey) copy() *fakeKey {
	c := newFakeKey()
	c.closed = k.closed
	for name, v := range k.values {
		c.values[name] = v
	}
	for name, sub := range k.keys {
		c.keys[name] = sub.copy()
	}
	return c
}
