package agent

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/internal/programfile"
)

// installed is a program's file that the test replaces.
type installed struct {
	t    *testing.T
	path string
}

func newInstalled(t *testing.T) (installed, *programfile.File) {
	t.Helper()
	i := installed{t, filepath.Join(t.TempDir(), "cpx-agent")}
	i.replace("0.0.1")
	runs, err := os.Open(i.path) // what runs is held: its number is no other file's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = runs.Close() })
	f, err := programfile.At(i.path)
	if err != nil {
		t.Fatal(err)
	}
	return i, f
}

func (i installed) replace(version string) {
	i.t.Helper()
	err := os.WriteFile(i.path+".new", []byte("cpx-bridge-version="+version+";"), 0o755)
	if err = errors.Join(err, os.Rename(i.path+".new", i.path)); err != nil {
		i.t.Fatal(err)
	}
}

// awaitReplaced waits until the state says so.
func awaitReplaced(t *testing.T, s *Server, want *state.Replaced) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	changes := s.Changes(ctx)
	for {
		got := s.State().Replaced
		if (got == nil) == (want == nil) && (got == nil || *got == *want) {
			return
		}
		select {
		case <-changes:
		case <-ctx.Done():
			t.Fatalf("%+v, want %+v", got, want)
		}
	}
}

func expectRestart(t *testing.T, err error, want string) {
	t.Helper()
	bad, is := errors.AsType[*state.RestartError](err)
	if want == "" && err != nil || want != "" && (!is || bad.Reason != want) {
		t.Errorf("%v, want %q", err, want)
	}
}

// TestReplacedWatched: the state says what became of the program's file, at once.
func TestReplacedWatched(t *testing.T) {
	pool, person := fakes.OneCard(t)
	i, file := newInstalled(t)
	s := serve(t, setup{pool: pool, person: person, program: file, restart: func() { t.Error("it restarts") }})
	awaitReplaced(t, s, nil)
	i.replace("0.0.2")
	awaitReplaced(t, s, &state.Replaced{Version: "0.0.2"})
	if err := os.Remove(i.path); err != nil {
		t.Fatal(err)
	}
	awaitReplaced(t, s, &state.Replaced{Removed: true})
	expectRestart(t, s.Restart(t.Context()), state.RestartRemoved)
	i.replace("0.0.3")
	awaitReplaced(t, s, &state.Replaced{Version: "0.0.3"})
}

// TestReplacedUnwatched: where nothing reports that the file is another, as on a network
// drive, the next change of the state finds it.
func TestReplacedUnwatched(t *testing.T) {
	i, file := newInstalled(t)
	s := &Server{options: Options{Program: file, Logger: slog.New(slog.DiscardHandler)}}
	ctx, cancel := context.WithCancel(t.Context())
	ended, begins := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		s.followProgram(ctx, begins)
	}()
	defer func() { cancel(); <-ended }()
	begins <- struct{}{} // it listens
	i.replace("0.0.2")
	changed := s.changes.Listen(ctx)
	s.changes.Publish() // a login has ended
	for s.replaced.Load() == nil {
		select {
		case <-changed:
		case <-time.After(20 * time.Second):
			t.Fatal("the next change of the state does not find it")
		}
	}
	if got := *s.replaced.Load(); got != (state.Replaced{Version: "0.0.2"}) {
		t.Errorf("%+v", got)
	}
}

// TestRestartHoldsLogins: no login is ended for a restart, and none begins once it is
// decided: it waits, and asks nobody.
func TestRestartHoldsLogins(t *testing.T) {
	pool, person := fakes.OneCard(t)
	i, file := newInstalled(t)
	asks, answer := make(chan struct{}, 2), make(chan struct{})
	person.OnPIN = func(ctx context.Context, p prompt.PIN) ([]byte, error) {
		asks <- struct{}{}
		select {
		case <-answer:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return []byte("1234"), nil
	}
	restarts, checks, refused := 0, 0, errors.New("TEST")
	checked := func() {}
	queued := &logged{part: []byte("step=queued"), seen: make(chan struct{}, 1)}
	s := serve(t, setup{logTo: queued, level: slog.LevelDebug, pool: pool, person: person, program: file, restart: func() { restarts++ }, startable: func(context.Context) error {
		checks++
		checked()
		return refused
	}})
	expectRestart(t, s.Restart(t.Context()), state.RestartSame)
	i.replace("0.0.2")

	p := openPage(t, s, listedOrigin)
	p.authenticate(1)
	<-asks
	expectRestart(t, s.Restart(t.Context()), state.RestartInUse)
	if checks > 0 || restarts > 0 {
		t.Error("the program was run during a login")
	}
	answer <- struct{}{}
	if a := p.answer(); a.Error != nil {
		t.Fatalf("%+v", a.Error)
	}
	awaitIdle(t, s)

	if err := s.Restart(t.Context()); !errors.Is(err, refused) || restarts > 0 {
		t.Errorf("%v, %d restarts", err, restarts)
	}
	refused, checked = nil, func() { // a login begins while the program is run
		p.authenticate(2)
		<-asks
	}
	expectRestart(t, s.Restart(t.Context()), state.RestartInUse)
	answer <- struct{}{}
	if a := p.answer(); a.Error != nil || restarts > 0 {
		t.Fatalf("%+v, %d restarts", a.Error, restarts)
	}
	awaitIdle(t, s)

	// Two ask at once, as a menu and an administrator's command: both get what they want.
	second := make(chan error)
	checked = func() { go func() { second <- s.Restart(t.Context()) }() }
	expectRestart(t, s.Restart(t.Context()), "")
	expectRestart(t, <-second, "")
	if restarts != 1 {
		t.Error(restarts)
	}
	p.authenticate(3)
	select {
	case <-queued.seen:
	case <-asks:
		t.Fatal("somebody was asked")
	}
	expectRestart(t, s.Restart(t.Context()), "") // one has begun already
}

// logged is a log that reports a part.
type logged struct {
	part []byte
	seen chan struct{}
}

func (l *logged) Write(text []byte) (int, error) {
	if bytes.Contains(text, l.part) {
		l.seen <- struct{}{}
	}
	return len(text), nil
}

// awaitIdle waits until no login runs.
func awaitIdle(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for changes := s.Changes(ctx); s.State().InUse; {
		select {
		case <-changes:
		case <-ctx.Done():
			t.Fatal("a login runs on")
		}
	}
}

// TestRestartFailureShown: the person reads in a window why there was no restart, and in none
// that a login runs.
func TestRestartFailureShown(t *testing.T) {
	pool, person := fakes.OneCard(t)
	shown := make(chan string, 2)
	person.OnShow = func(_ context.Context, _, title, text string) error {
		shown <- title + ": " + text
		return nil
	}
	s := serve(t, setup{pool: pool, person: person})
	s.ShowRestartFailure(t.Context(), &state.RestartError{Reason: state.RestartInUse})
	s.ShowRestartFailure(t.Context(), &state.RestartError{Reason: state.RestartFails, Detail: "TEST why"})
	if got, want := <-shown, "CPx Bridge · Redémarrage: CPx Bridge ne redémarre pas : la version installée ne démarrerait pas. La version actuelle continue de fonctionner. Prévenez votre service informatique. (TEST why)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
