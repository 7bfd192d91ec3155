package control

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// registered is this process as a supervisor that ends its registration where it was asked to.
func registered(t *testing.T, state string) *Supervisor {
	t.Helper()
	s, err := Register(state)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSupervisors: End asks a supervisor that has no agent, and returns once that is none any
// more; what one of before with its number was asked does not count, and nothing of it stays.
func TestSupervisors(t *testing.T) {
	state := ownInstance(t)
	s := registered(t, state)
	if s.Quit() {
		t.Error("nobody asked it")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*endPause)
	defer cancel()
	var goesOn *GoesOnError
	if err := End(ctx, state, "quit"); !errors.As(err, &goesOn) || !goesOn.Supervisor || goesOn.PID != os.Getpid() {
		t.Errorf("it goes on: %v", err)
	}
	if !s.Quit() {
		t.Error("it was not asked")
	}
	if err := s.lock.release(); err != nil { // as when it is killed
		t.Fatal(err)
	}
	s = registered(t, state)
	if s.Quit() {
		t.Error("the mark of one of before counts")
	}
	if err := touch(s.file.mark()); err != nil || !s.Quit() {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s = registered(t, state)
	if err := s.lock.release(); err != nil {
		t.Fatal(err)
	}
	if err := end(t, state, "quit"); !errors.Is(err, ErrNoAgent) {
		t.Errorf("one that was killed: %v", err)
	}
	if files, _ := filepath.Glob(filepath.Join(filepath.Dir(s.file.file), "supervisor-*")); len(files) > 0 {
		t.Errorf("files remain: %q", files)
	}
}

// TestSupervisorNotAsked: a supervisor whose mark cannot be written, for a file that stands in
// the way of it, is named with the reason where it goes on.
func TestSupervisorNotAsked(t *testing.T) {
	state := ownInstance(t)
	s := registered(t, state)
	defer func() { _ = s.Close() }()
	if err := os.Mkdir(s.file.mark(), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*endPause)
	defer cancel()
	var goesOn *GoesOnError
	var path *os.PathError
	if err := End(ctx, state, "quit"); !errors.As(err, &goesOn) || !goesOn.Supervisor || !errors.As(err, &path) || path.Path != s.file.mark() {
		t.Errorf("%v", err)
	}
}

// TestSupervisorDone: a supervisor whose agent has ended on purpose, while its window stands, is
// nothing to end; after a crash it is, whatever was said before.
func TestSupervisorDone(t *testing.T) {
	state := ownInstance(t)
	AgentEnded(state, os.Getpid()) // no supervisor
	s := registered(t, state)
	defer func() { _ = s.Close() }()
	AgentEnded(state, os.Getpid())
	if err := end(t, state, "quit"); !errors.Is(err, ErrNoAgent) || s.Quit() {
		t.Errorf("its agent has ended: %v, asked: %v", err, s.Quit())
	}
	s.Crashed()
	ctx, cancel := context.WithTimeout(t.Context(), 2*endPause)
	defer cancel()
	var goesOn *GoesOnError
	if err := End(ctx, state, "quit"); !errors.As(err, &goesOn) || !s.Quit() {
		t.Errorf("after a crash: %v, asked: %v", err, s.Quit())
	}
}
