package control

import (
	"context"
	"errors"
	"io/fs"
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
// nothing to end; what one of before with its number said does not count.
func TestSupervisorDone(t *testing.T) {
	state := ownInstance(t)
	AgentEnded(state, os.Getpid()) // no supervisor
	s := registered(t, state)
	if s.Done() {
		t.Error("its agent has not ended")
	}
	AgentEnded(state, os.Getpid())
	if err := end(t, state, "quit"); !errors.Is(err, ErrNoAgent) || s.Quit() || !s.Done() {
		t.Errorf("its agent has ended: %v, asked: %v, done: %v", err, s.Quit(), s.Done())
	}
	if err := s.lock.release(); err != nil { // as when it is killed
		t.Fatal(err)
	}
	s = registered(t, state)
	defer func() { _ = s.Close() }()
	if s.Done() {
		t.Error("what one of before said counts")
	}
}

// TestPersonQuits: who quits an agent in its menu gets none from another supervisor; the agent's
// own is not asked, whose window will stand, and knows that an end is no crash. What ends yet
// quit waits for.
func TestPersonQuits(t *testing.T) {
	state := ownInstance(t)
	s := registered(t, state)
	if err := PersonQuits(state, os.Getpid()); err != nil || s.Quit() || !s.Done() {
		t.Errorf("its own: %v, asked: %v, done: %v", err, s.Quit(), s.Done())
	}
	if err := PersonQuits(state, 0); err != nil || !s.Quit() {
		t.Errorf("another: %v, asked: %v", err, s.Quit())
	}
	if err := s.lock.release(); err != nil { // as when it is killed
		t.Fatal(err)
	}
	s = registered(t, state)
	if s.Quit() || s.Done() {
		t.Errorf("what one of before was asked counts: %v, %v", s.Quit(), s.Done())
	}
	if err := errors.Join(PersonQuits(state, os.Getpid()), s.Close()); err != nil {
		t.Error(err)
	}
	if files, _ := filepath.Glob(s.file.file + "*"); len(files) > 0 {
		t.Errorf("files remain: %q", files)
	}
}

// TestSupervisorsKilled: a supervisor that begins removes what those that were killed have in the
// folder, on Windows of any session, and nothing else.
func TestSupervisorsKilled(t *testing.T) {
	state := ownInstance(t)
	first := registered(t, state)
	defer func() { _ = first.Close() }()
	folder := filepath.Dir(first.file.file)
	var killed []string
	for _, name := range []string{"supervisor-99991", "supervisor-99991.quit", "supervisor-7-99992", "supervisor-7-99992.done", "supervisor-99993.quit", "supervisor-99994.ends"} {
		killed = append(killed, filepath.Join(folder, name))
	}
	other := filepath.Join(folder, "supervisor-notes")
	for _, path := range append(killed, other, first.file.mark()) {
		if err := touch(path); err != nil {
			t.Fatal(err)
		}
	}
	p := first.file
	p.discardKilled() // as Register does, which this process cannot twice
	for _, path := range killed {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s stays: %v", path, err)
		}
	}
	for _, path := range []string{other, first.file.file, first.file.mark()} {
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(touch(killed[0]), first.Close()); err != nil {
		t.Fatal(err)
	}
	first = registered(t, state)
	if _, err := os.Lstat(killed[0]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Register: %v", err)
	}
}
