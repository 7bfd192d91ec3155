package remote

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
)

// fake is an agent that the test directs. Real ones are tested in internal/lab/e2e.
type fake struct {
	report state.State
	used   string
	shown  int
	list   []sites.Site
	never  []state.Domain
	err    error // of the keyring
	paused bool

	restarts int
}

func (f *fake) Report(_ context.Context, refresh bool) state.State {
	r := f.report
	if refresh {
		r.Version = "fresh"
	}
	return r
}
func (f *fake) FullReport(context.Context) state.State {
	r := f.report
	r.Log = "full"
	return r
}
func (f *fake) Appear(context.Context)       { f.shown++ }
func (f *fake) Use(id string) error          { f.used = id; return nil }
func (f *fake) Sites() ([]sites.Site, error) { return f.list, f.err }

func (f *fake) ResumeUnknownSites() bool {
	paused := f.paused
	f.paused = false
	return paused
}

func (f *fake) Restart(context.Context) error {
	f.restarts++
	return f.err
}

func (f *fake) Never() []state.Domain { return f.never }

func (f *fake) Refuse(domain string) error {
	f.never = append(f.never, state.Domain{Name: domain, Unsaved: f.err != nil})
	return f.err
}

func (f *fake) Forget(origin string) error {
	f.never = slices.DeleteFunc(f.never, func(d state.Domain) bool { return d.Name == origin })
	f.list = slices.DeleteFunc(f.list, func(s sites.Site) bool { return s.Origin == origin })
	return f.err
}

// hasDisplay says that the agent under test has a display.
var hasDisplay bool

// yields says that the agent under test can ask nobody.
var yields bool

// running serves the agent and returns its state folder.
func running(t *testing.T, a Agent) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	h, err := control.Acquire(dir)
	if err != nil || h.Err() != nil {
		t.Fatal(err, h)
	}
	s := control.NewServer(h, slog.New(slog.DiscardHandler))
	s.Ready(Methods(t.Context(), a, func(context.Context) bool { return yields }, func(context.Context) bool { return hasDisplay }, func() int { return 0 }))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Serve(ctx) }()
	t.Cleanup(func() { cancel(); <-ended; _ = h.Release() })
	return dir
}

// TestDesktop: what only the agent's desktop session knows is sent on request only.
func TestDesktop(t *testing.T) {
	f := &fake{report: state.State{PID: 7}}
	dir := running(t, f)
	defer func() { hasDisplay = false }()
	for _, c := range []struct {
		display bool
		err     error
		want    state.Desktop
	}{{true, nil, state.Desktop{Display: true}}, {false, sites.ErrLocked, state.Desktop{Keyring: "keyring_locked"}}} {
		hasDisplay, f.err = c.display, c.err
		if r, err := Desktop(t.Context(), dir); err != nil || r.PID != 7 || r.Desktop == nil || *r.Desktop != c.want {
			t.Errorf("%+v %v", r.Desktop, err)
		}
	}
	if r, err := State(t.Context(), dir, false); err != nil || r.Desktop != nil {
		t.Errorf("%+v %v", r.Desktop, err)
	}
}

func TestMethods(t *testing.T) {
	id, other := strings.Repeat("a", 64), strings.Repeat("b", 64)
	f := &fake{report: state.State{Version: "1.0", PID: 7, Cards: state.Cards{
		Certificates: []state.Certificate{{ID: id, Usable: true}, {ID: other, Reason: "expired"}},
	}}}
	dir := running(t, f)
	ctx := t.Context()
	if r, err := State(ctx, dir, false); err != nil || r.Version != "1.0" || r.PID != 7 || len(r.Certificates) != 2 {
		t.Errorf("%+v %v", r, err)
	}
	if r, err := State(ctx, dir, true); err != nil || r.Version != "fresh" {
		t.Errorf("%+v %v", r, err)
	}
	if r, err := Show(ctx, dir, Start{Lang: "fr", Desktop: true}); err != nil || r.Version != "1.0" || r.Log != "full" || f.shown != 1 {
		t.Errorf("%+v %v, shown %d times", r, err, f.shown)
	}
	yields = true
	defer func() { yields = false }()
	if _, err := Show(ctx, dir, Start{Lang: "fr", Desktop: true}); !errors.Is(err, &control.Error{Code: control.CodeStopping}) || f.shown != 1 {
		t.Errorf("%v: shown %d times", err, f.shown)
	}
	if _, err := Show(ctx, dir, Start{Lang: "fr"}); err != nil || f.shown != 2 {
		t.Errorf("without a desktop: %v, shown %d times", err, f.shown)
	}
	if r, err := Show(ctx, dir, Start{Lang: "fr", Quiet: true}); err != nil || r.Log != "full" || f.shown != 2 {
		t.Errorf("quiet: %+v %v, shown %d times", r, err, f.shown)
	}
	if err := Use(ctx, dir, id); err != nil || f.used != id {
		t.Errorf("%q %v", f.used, err)
	}
	for _, bad := range []string{other, strings.Repeat("c", 64), "", id[:12]} {
		if err := Use(ctx, dir, bad); !errors.Is(err, &control.Error{Code: control.CodeInvalidParams}) || f.used != id {
			t.Errorf("%q: %v, used %q", bad, err, f.used)
		}
	}
	if err := control.Call(ctx, dir, "use", "text", nil); !errors.Is(err, &control.Error{Code: control.CodeInvalidParams}) {
		t.Error(err)
	}
}

// TestRestart: why an agent goes on as it was crosses the socket.
func TestRestart(t *testing.T) {
	f := &fake{}
	dir := running(t, f)
	if err := Restart(t.Context(), dir); err != nil || f.restarts != 1 {
		t.Errorf("%v, %d", err, f.restarts)
	}
	f.err = &state.RestartError{Reason: state.RestartFails, Detail: "TEST"}
	bad, is := errors.AsType[*state.RestartError](Restart(t.Context(), dir))
	if !is || bad.Reason != state.RestartFails || bad.Detail != "TEST" {
		t.Errorf("%+v", bad)
	}
	f.err = errors.New("TEST")
	if err := Restart(t.Context(), dir); !errors.Is(err, &control.Error{Code: control.CodeFailed}) {
		t.Error(err)
	}
}

func TestSites(t *testing.T) {
	k := &fake{list: []sites.Site{{Origin: "https://a.example.fr", Since: time.Unix(1e9, 0).UTC()}, {Origin: "https://b.example.fr"}}}
	dir := running(t, k)
	list, err := Sites(t.Context(), dir)
	if err != nil || !slices.Equal(list, k.list) {
		t.Errorf("%v %v", list, err)
	}
	if err := Forget(t.Context(), dir, "https://b.example.fr"); err != nil || len(k.list) != 1 {
		t.Errorf("%v %v", k.list, err)
	}
	k.list = nil
	if list, err := Sites(t.Context(), dir); err != nil || list == nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
	if list, err := Never(t.Context(), dir); err != nil || list == nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
	if err := Refuse(t.Context(), dir, "example.net"); err != nil {
		t.Error(err)
	}
	if list, err := Never(t.Context(), dir); err != nil || !slices.Equal(list, []state.Domain{{Name: "example.net"}}) {
		t.Errorf("%v %v", list, err)
	}
	if err := Forget(t.Context(), dir, "example.net"); err != nil || len(k.never) != 0 {
		t.Errorf("%v %v", k.never, err)
	}
	k.err = errors.New("TEST keyring")
	for _, err := range []error{Forget(t.Context(), dir, "https://a.example.fr"), second(Sites(t.Context(), dir))} {
		var failed *control.Error
		if !errors.As(err, &failed) || failed.Code != control.CodeFailed || failed.Message != "TEST keyring" {
			t.Errorf("%v", err)
		}
	}
}

func TestResume(t *testing.T) {
	f := &fake{paused: true}
	dir := running(t, f)
	for _, want := range []bool{true, false} {
		if paused, err := ResumeUnknownSites(t.Context(), dir); err != nil || paused != want || f.paused {
			t.Errorf("paused %v, want %v: %v", paused, want, err)
		}
	}
}

// older is what an agent answered before menu, reports and command line had one model
// of its state. It goes on running while its programs are upgraded.
const older = `{"version":"0.1","pid":7,"addresses":["127.0.0.1:27720"],"wss":["127.0.0.1:27820"],"wssError":"TEST","settings":["/opt/x.so"],
"pcsc":"no_service","reading":true,"late":true,"modules":[{"path":"/opt/x.so","info":"TEST","error":"TEST","reason":"module_failed"}],
"readers":[{"module":"/opt/x.so","name":"TEST reader","card":"TEST 1","unknown":true,"pin":"locked"}],
"certificates":[{"id":"aa","holder":"TEST","identifier":"8","profession":"TEST","kind":"CPS","notBefore":"2026-01-01T00:00:00Z","notAfter":"2027-01-01T00:00:00Z","card":"TEST 1","usable":true,"reason":"expired","chosen":true,"reader":"TEST reader","renew":true}],
"error":"TEST","sites":3,"sitesError":"TEST","notTaken":[{"file":"/etc/x","line":1,"key":"k","why":"TEST"}],"log":"/x","desk":{"display":true,"keyring":"no_keyring"}}`

func TestOlderAgent(t *testing.T) {
	var s state.State
	if err := json.Unmarshal([]byte(older), &s); err != nil || s.PID != 7 || len(s.Certificates) != 1 || s.Readers[0].PIN != state.PINLocked {
		t.Errorf("%+v %v", s, err)
	}
}

func second(_ []sites.Site, err error) error { return err }
