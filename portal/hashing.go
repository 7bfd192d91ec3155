package portal

import (
	"context"
	"errors"
)

const (
	maxHashing = 4  // passwords hashed at a time, each in 19 MiB
	maxLine    = 32 // of those that wait for it
	// comeBack is when to try again after a full line, in seconds.
	comeBack = 5
)

// errLineFull says that too many passwords are waiting to be hashed.
var errLineFull = errors.New("portal: too many passwords at a time")

// hashing bounds the memory that checking passwords takes, however many come.
type hashing struct{ running, line chan struct{} }

func newHashing() *hashing {
	return &hashing{running: make(chan struct{}, maxHashing), line: make(chan struct{}, maxHashing+maxLine)}
}

// check is checkPassword, as soon as it is this one's turn. It fails with errLineFull.
func (h *hashing) check(ctx context.Context, hash, password string) (bool, error) {
	select {
	case h.line <- struct{}{}:
		defer func() { <-h.line }()
	default:
		return false, errLineFull
	}
	select {
	case h.running <- struct{}{}:
		defer func() { <-h.running }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return checkPassword(hash, password)
}
