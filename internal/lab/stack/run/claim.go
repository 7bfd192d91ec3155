package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

// claim is the right to be the person's one `make run`, from whichever clone: a lock on
// a file, in which stands what a second start prints (scripts/run). It ends with the
// process.
type claim struct {
	lock *flock.Flock
	file string
}

// runningError says that there is one already.
type runningError struct{ text string }

func (e *runningError) Error() string { return strings.TrimSpace(e.text) }

// newClaim returns a *runningError where another process has the claim. Without a
// folder for the file everybody has it.
func newClaim() (*claim, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return &claim{}, nil
	}
	file := filepath.Join(cache, "cpx-bridge", "running")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return &claim{}, nil
	}
	lock := flock.New(file, flock.SetPermissions(0o600))
	acquired, err := lock.TryLock()
	switch {
	case err != nil:
		return &claim{}, nil
	case !acquired:
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if len(text) == 0 {
			text = []byte(starting + ".\n")
		}
		return nil, &runningError{string(text)}
	}
	c := &claim{lock, file}
	c.write(starting + ", " + where() + ": the terminal there will say the address.\n")
	return c, nil
}

// starting is what a second start prints as long as the file says nothing else.
const starting = "CPx Bridge is already being started"

// write replaces the file's text, for people: what cannot be written is done without.
// The file stays the same one, which is locked, and is never empty meanwhile.
func (c *claim) write(text string) {
	if c.file == "" {
		return
	}
	f, err := os.OpenFile(c.file, os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if n, err := f.WriteString(text); err == nil {
		_ = f.Truncate(int64(n))
	}
}

// where says in which folder and by which process.
func where() string {
	folder, err := os.Getwd()
	if err != nil {
		folder = "a folder that is gone"
	}
	return fmt.Sprintf("in %s (process %d)", folder, os.Getpid())
}

// say makes a second start say where this one is, how to log in, and how to reach its agent.
func (c *claim) say(s *stack.Stack, lines string) {
	c.write("CPx Bridge is already running at " + s.Origin + "\n\n" + account(s) + "\n" + lines + "It was started " + where() + ". Ctrl-C in its terminal ends it; where its agent was quit, Enter there starts that again.\n")
}

func (c *claim) release() {
	if c.lock != nil {
		c.write("") // what stands there no longer holds
		_ = c.lock.Unlock()
	}
}
