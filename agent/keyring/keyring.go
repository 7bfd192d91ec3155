// Package keyring stores the agent's small secrets in the desktop's keyring,
// through go-keyring: never a PIN.
//
// No call lasts longer than its context and the ring's own limit, whatever the
// keyring does, and nobody is asked to unlock it unless the ring allows that. All
// functions may be called concurrently; one call of the process at a time
// reaches the keyring.
package keyring

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/zalando/go-keyring"
)

// service is the name of the entries, which people see in their keyring's program.
const service = "CPx Bridge"

// Why a call failed.
var (
	ErrNone    = errors.New("keyring: there is no keyring")
	ErrLocked  = errors.New("keyring: it is locked")
	ErrSlow    = errors.New("keyring: it does not answer")
	ErrRefused = errors.New("keyring: it refused")
	// ErrNoCollection says that the service has nothing in which an entry could be
	// stored for good.
	ErrNoCollection = errors.New("keyring: it has no collection to write to")
	// ErrEntryLocked says that our own entry wants the person's yes, in a keyring
	// that is open. It is ErrLocked too.
	ErrEntryLocked = fmt.Errorf("%w: the entry, which wants a yes for each access", ErrLocked)
	// ErrOtherLocked says that the entry is in no collection that is open, and that another
	// one, which may have it, is locked. It is ErrLocked too: nobody may take it for lost.
	ErrOtherLocked = fmt.Errorf("%w: another collection, which may have the entry", ErrLocked)
	ErrNotFound    = keyring.ErrNotFound
)

// The limits of a Ring that sets none.
const (
	QuietLimit  = 5 * time.Second // of one call, where nobody waits
	UnlockLimit = 2 * time.Minute // of one call that may ask the person
)

// Ring gives access to the desktop's keyring. The zero value asks nobody anything.
type Ring struct {
	// Unlock lets a locked keyring ask the person. Without it such a keyring is
	// an error: nobody is asked about something that they did not begin.
	Unlock bool
	// Limit is how long a call may take; 0 means the default, which depends on Unlock.
	Limit time.Duration
}

// Get reads a secret; ErrNotFound where there is none.
func (r Ring) Get(ctx context.Context, account string) (string, error) {
	return r.call(ctx, func(ctx context.Context) (string, error) { return get(ctx, r.Unlock, account) })
}

// Set writes a secret. Windows takes 2560 bytes, macOS about 3000.
func (r Ring) Set(ctx context.Context, account, secret string) error {
	_, err := r.call(ctx, func(ctx context.Context) (string, error) { return "", set(ctx, r.Unlock, account, secret) })
	return err
}

// Delete deletes a secret; ErrNotFound where there is none.
func (r Ring) Delete(ctx context.Context, account string) error {
	_, err := r.call(ctx, func(ctx context.Context) (string, error) { return "", remove(ctx, r.Unlock, account) })
	return err
}

// Check fails unless the keyring exists and is unlocked. It reads no secret.
func (r Ring) Check(ctx context.Context) error {
	_, err := r.call(ctx, func(ctx context.Context) (string, error) { return "", reachable(ctx, r.Unlock) })
	return err
}

// gate admits one call of the process at a time to the keyring. The library's
// calls cannot be interrupted and may wait for a person for ever: while one is
// overdue, the next ones fail at once, so that at most one goroutine hangs.
type gate struct {
	semaphore chan struct{}
	overdue   atomic.Bool
}

// desktop is the process's only access to the desktop's keyring.
var desktop = &gate{semaphore: make(chan struct{}, 1)}

func (r Ring) call(ctx context.Context, do func(context.Context) (string, error)) (string, error) {
	limit := r.Limit
	if limit == 0 {
		limit = QuietLimit
		if r.Unlock {
			limit = UnlockLimit
		}
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return desktop.call(ctx, do)
}

// call runs do, at most until ctx ends.
func (g *gate) call(ctx context.Context, do func(context.Context) (string, error)) (string, error) {
	if g.overdue.Load() {
		return "", fmt.Errorf("%w: an earlier call still waits", ErrSlow)
	}
	select {
	case g.semaphore <- struct{}{}:
	case <-ctx.Done():
		return "", ErrSlow
	}
	type result struct {
		secret string
		err    error
	}
	done := make(chan result, 1)
	go func() {
		defer func() {
			g.overdue.Store(false)
			<-g.semaphore
		}()
		var r result
		r.secret, r.err = do(ctx)
		done <- r
	}()
	select {
	case r := <-done:
		if ctx.Err() != nil && r.err != nil {
			return "", ErrSlow
		}
		return r.secret, typed(r.err)
	case <-ctx.Done():
		g.overdue.Store(true)
		// It may just have ended, without seeing that it is overdue.
		if len(done) > 0 {
			g.overdue.Store(false)
		}
		return "", ErrSlow
	}
}

// typed wraps a keyring's error in one of this package's.
func typed(err error) error {
	switch {
	case err == nil, errors.Is(err, keyring.ErrNotFound):
		return err
	case errors.Is(err, ErrNone), errors.Is(err, ErrLocked), errors.Is(err, ErrSlow), errors.Is(err, ErrRefused), errors.Is(err, ErrNoCollection):
		return err
	case errors.Is(err, keyring.ErrUnsupportedPlatform):
		return fmt.Errorf("%w: %w", ErrNone, err)
	}
	return fmt.Errorf("%w: %w", kind(err), err)
}
