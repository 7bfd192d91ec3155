package sites

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"github.com/zalando/go-keyring"
)

// service is the keyring's entry; people see it in their keyring's program.
const service = "CPx Bridge"

// accountOf gives each state folder a key of its own, so that a demonstration
// never touches the list that the person lives with.
func accountOf(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	sum := sha256.Sum256([]byte(filepath.Clean(dir)))
	return "sites-" + hex.EncodeToString(sum[:8])
}

// gate lets one call of the process at a time to the keyring. The library's
// calls cannot be ended and may wait for a person for ever: while one is late,
// the next ones fail at once, so that at most one goroutine hangs.
type gate struct {
	turn chan struct{}
	late atomic.Bool
}

// desktop is the process's one way to the desktop's keyring.
var desktop = &gate{turn: make(chan struct{}, 1)}

// call runs do, at most until ctx ends.
func (g *gate) call(ctx context.Context, unlock bool, do func() (string, error)) (string, error) {
	if g.late.Load() {
		return "", fmt.Errorf("%w: an earlier call still waits", ErrSlow)
	}
	select {
	case g.turn <- struct{}{}:
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
			g.late.Store(false)
			<-g.turn
		}()
		var r result
		if r.err = reachable(ctx, unlock); r.err == nil && ctx.Err() == nil {
			r.secret, r.err = do()
		}
		done <- r
	}()
	select {
	case r := <-done:
		if ctx.Err() != nil && r.err != nil {
			return "", ErrSlow
		}
		return r.secret, typed(r.err)
	case <-ctx.Done():
		g.late.Store(true)
		// It may have ended since, and not see that it is late.
		if len(done) > 0 {
			g.late.Store(false)
		}
		return "", ErrSlow
	}
}

// typed makes a keyring's error one of this package's.
func typed(err error) error {
	switch {
	case err == nil, errors.Is(err, keyring.ErrNotFound):
		return err
	case errors.Is(err, ErrNoKeyring), errors.Is(err, ErrLocked), errors.Is(err, ErrSlow), errors.Is(err, ErrRefused):
		return err
	case errors.Is(err, keyring.ErrUnsupportedPlatform):
		return fmt.Errorf("%w: %w", ErrNoKeyring, err)
	}
	return fmt.Errorf("%w: %w", kind(err), err)
}

// key reads the key. The error is keyring.ErrNotFound where there is none.
func (s *Store) key(ctx context.Context) (key, error) {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	secret, err := s.keys.call(ctx, s.unlock, func() (string, error) { return keyring.Get(service, s.account) })
	if err != nil {
		return key{}, err
	}
	raw, err := base64.StdEncoding.DecodeString(secret)
	if err != nil || len(raw) != len(key{}) {
		return key{}, keyring.ErrNotFound // not one of ours
	}
	return key(raw), nil
}

func (s *Store) setKey(ctx context.Context, k key) error {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	_, err := s.keys.call(ctx, s.unlock, func() (string, error) {
		return "", keyring.Set(service, s.account, base64.StdEncoding.EncodeToString(k[:]))
	})
	return err
}
