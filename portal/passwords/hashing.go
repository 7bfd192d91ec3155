package passwords

import (
	"context"
	"errors"
)

const (
	// MaxRunning passwords are hashed at a time, each in 19 MiB.
	MaxRunning = 4
	// MaxQueued others wait for it.
	MaxQueued = 32
	// ComeBack is when to try again after a full line, in seconds.
	ComeBack = 5
)

// ErrLineFull says that too many passwords are waiting to be hashed.
var ErrLineFull = errors.New("portal: too many passwords at a time")

// Hashing bounds the memory that checking passwords takes, however many come.
type Hashing struct{ running, line chan struct{} }

// NewHashing makes one for a process.
func NewHashing() *Hashing {
	return &Hashing{running: make(chan struct{}, MaxRunning), line: make(chan struct{}, MaxRunning+MaxQueued)}
}

// Check reports whether the hash is the password's, as soon as it is this one's turn. Where it
// is, but is not as hashes are made today, better is one that is. It fails with ErrLineFull.
func (h *Hashing) Check(ctx context.Context, hash, password string) (good bool, better string, err error) {
	release, err := h.Acquire(ctx)
	if err != nil {
		return false, "", err
	}
	defer release()
	good, outdated, err := check(hash, password)
	if good && outdated {
		better, err = Hash(password)
	}
	return good, better, err
}

// Acquire waits for one of the few turns to hash, which release ends. It fails with ErrLineFull.
func (h *Hashing) Acquire(ctx context.Context) (release func(), err error) {
	select {
	case h.line <- struct{}{}:
	default:
		return nil, ErrLineFull
	}
	select {
	case h.running <- struct{}{}:
		return func() { <-h.running; <-h.line }, nil
	case <-ctx.Done():
		<-h.line
		return nil, ctx.Err()
	}
}

// Load returns how many passwords are being hashed, and how many wait for that.
func (h *Hashing) Load() (running, queued int) {
	running = len(h.running)
	return running, max(0, len(h.line)-running)
}
