// Package sites remembers the sites that a person always allows to use the card.
// Who logs in where is personal data: the list is sealed by a key in the
// desktop's keyring, and each change seals it under a new key, so that a copy of
// an older list is worth nothing.
//
// A [Store] may be used from any goroutine and by several processes at once. No
// call waits for a keyring longer than its context and its own limit. Without a
// keyring nothing is remembered: the key is never anywhere else, and a list that
// cannot be opened is set aside, not deleted.
package sites

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
	"github.com/cpx-bridge/cpx-bridge/internal/origin"
)

// Site is a site that the person always allows.
type Site struct {
	Origin string    // as the browser states it in the handshake
	Since  time.Time // when the person chose "always"
}

// Why nothing is remembered, or a change was not made. The function Why has their texts.
var (
	ErrNoKeyring = keyring.ErrNone
	ErrLocked    = keyring.ErrLocked
	ErrSlow      = keyring.ErrSlow
	ErrRefused   = keyring.ErrRefused
	// The list exists and cannot be read. Remembering a site begins a new one.
	ErrDamaged  = errors.New("sites: the list is damaged")
	ErrOtherKey = errors.New("sites: the list is an older copy, or sealed by another key")
	ErrKeyLost  = errors.New("sites: the list's key is not in the keyring any more")

	ErrNoSpace       = errors.New("sites: the disk is full")
	ErrFull          = errors.New("sites: no more sites can be remembered")
	ErrOrigin        = errors.New("sites: not the origin of a site that can be remembered")
	ErrNotRemembered = errors.New("sites: this site is not remembered")
)

// Max is how many sites can be remembered.
const Max = 256

const (
	maxAside = 8 // lists set aside; beyond that the oldest is deleted

	lockWait = 20 * time.Millisecond
)

// Options are the options of New.
type Options struct {
	Dir string // the state folder, created where it is missing
	// Unlock lets a locked keyring ask the person. Without it such a keyring is
	// an error: nobody is asked about something that they did not begin.
	Unlock bool
}

// File is the path of the list's file.
func (s *Store) File() string { return s.path }

// Store is the list in its file.
type Store struct {
	path, next, lock string // the files of the list, of its successor during a change, and of the lock
	account          string // of the key in the keyring
	unlock           bool
	limit            time.Duration // of one call of the keyring
}

// New makes a Store. It reads nothing yet.
func New(o Options) *Store {
	at := func(name string) string { return filepath.Join(o.Dir, name) }
	limit := keyring.QuietLimit
	if o.Unlock {
		limit = keyring.UnlockLimit
	}
	return &Store{
		path: at("sites.sealed"), next: at("sites.next"), lock: at("sites.lock"),
		account: accountOf(o.Dir), unlock: o.Unlock, limit: limit,
	}
}

// List is the sites at one moment, in the order in which they were chosen.
type List struct {
	Sites []Site
	Stamp Stamp
}

// List reads the list. It uses the keyring even where there is no list yet, so that
// the error says why nothing can be remembered.
func (s *Store) List(ctx context.Context) (List, error) {
	var l List
	err := s.alone(ctx, func(ctx context.Context) (err error) {
		l, err = s.read(ctx)
		return err
	})
	return l, err
}

// Add remembers a site. A list that is Unreadable is set aside, and a new one begins.
func (s *Store) Add(ctx context.Context, origin string) (List, error) {
	if err := check(origin); err != nil {
		return List{}, err
	}
	var l List
	err := s.alone(ctx, func(ctx context.Context) (err error) {
		if l, err = s.read(ctx); Unreadable(err) {
			l, err = List{}, s.putAside()
		}
		if err != nil || slices.ContainsFunc(l.Sites, func(x Site) bool { return x.Origin == origin }) {
			return err
		}
		if len(l.Sites) >= Max {
			return ErrFull
		}
		l, err = s.write(ctx, append(l.Sites, Site{Origin: origin, Since: time.Now().UTC().Truncate(time.Second)}))
		return err
	})
	return l, err
}

// Forget removes a site from the list.
func (s *Store) Forget(ctx context.Context, origin string) (List, error) {
	if err := check(origin); err != nil {
		return List{}, err
	}
	var l List
	err := s.alone(ctx, func(ctx context.Context) (err error) {
		if l, err = s.read(ctx); err != nil {
			return err
		}
		rest := slices.DeleteFunc(slices.Clone(l.Sites), func(x Site) bool { return x.Origin == origin })
		if len(rest) == len(l.Sites) {
			return fmt.Errorf("%w: %q", ErrNotRemembered, origin)
		}
		l, err = s.write(ctx, rest)
		return err
	})
	return l, err
}

// check refuses what is no origin as browsers state it, or may not be always allowed.
func check(text string) error {
	if o, err := origin.Parse(text); err != nil || o.IsLoopbackHTTP() {
		return fmt.Errorf("%w: %q", ErrOrigin, text)
	}
	return nil
}

// Unreadable reports whether an error is about the list and not the keyring.
func Unreadable(err error) bool {
	return errors.Is(err, ErrDamaged) || errors.Is(err, ErrOtherKey) || errors.Is(err, ErrKeyLost)
}

// Unreachable reports whether an error is about the keyring, which may work later.
func Unreachable(err error) bool {
	return errors.Is(err, ErrNoKeyring) || errors.Is(err, ErrLocked) || errors.Is(err, ErrSlow) || errors.Is(err, ErrRefused) ||
		errors.Is(err, keyring.ErrNoCollection)
}

// failedWith is the error of a file of the list.
func failedWith(err error) error {
	if atomicfile.NoSpace(err) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return fmt.Errorf("sites: %w", err)
}

// alone runs do while no other process or goroutine uses the list.
func (s *Store) alone(ctx context.Context, do func(ctx context.Context) error) error {
	if err := os.MkdirAll(filepath.Dir(s.lock), 0o700); err != nil {
		return failedWith(err)
	}
	// Reading and writing are one call of the keyring each; another user of the list may need as long before.
	ctx, cancel := context.WithTimeout(ctx, 4*s.limit)
	defer cancel()
	f := flock.New(s.lock, flock.SetPermissions(0o600))
	if ok, err := f.TryLockContext(ctx, lockWait); err != nil || !ok {
		if ctx.Err() != nil {
			return fmt.Errorf("%w: another process uses the list", ErrSlow)
		}
		return failedWith(err)
	}
	return errors.Join(do(ctx), f.Unlock())
}

func (s *Store) read(ctx context.Context) (List, error) {
	sealed, err := readSealed(s.path)
	if err != nil {
		return List{}, err
	}
	next, err := readSealed(s.next)
	if err != nil {
		return List{}, err
	}
	k, err := s.key(ctx)
	switch {
	case errors.Is(err, keyring.ErrNotFound) && sealed == nil:
		return List{}, nil
	case errors.Is(err, keyring.ErrOtherLocked) && sealed == nil && next == nil: // there is nothing that its key could open
		return List{}, nil
	case errors.Is(err, keyring.ErrNotFound):
		return List{}, ErrKeyLost
	case err != nil:
		return List{}, err
	}
	if next != nil && keyIDOf(next) == k.id() {
		// A change was interrupted after the keyring had its key: do its last step.
		if err := os.Rename(s.next, s.path); err != nil {
			return List{}, failedWith(err)
		}
		sealed = next
	}
	if sealed == nil {
		return List{}, nil
	}
	found, err := open(k, sealed)
	return List{Sites: found, Stamp: stampOf(sealed)}, err
}

// write seals the list under a new key and replaces the file in one step. The
// order matters: wherever it is interrupted, the key in the keyring opens one of the
// two files.
func (s *Store) write(ctx context.Context, list []Site) (List, error) {
	k := newKey()
	sealed, err := seal(k, list)
	if err != nil {
		return List{}, err
	}
	if err := atomicfile.Write(s.next, sealed, atomicfile.Options{}); err != nil {
		return List{}, failedWith(err)
	}
	if err := s.setKey(ctx, k); err != nil {
		if !errors.Is(err, ErrSlow) { // a slow keyring may still store the key
			_ = os.Remove(s.next)
		}
		return List{}, err
	}
	if err := os.Rename(s.next, s.path); err != nil {
		return List{}, failedWith(err)
	}
	return List{Sites: list, Stamp: stampOf(sealed)}, nil
}

// putAside renames a list that cannot be read: its key may return.
func (s *Store) putAside() error {
	pattern := filepath.Join(filepath.Dir(s.path), "sites-aside-*.sealed")
	aside, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	slices.Sort(aside) // by time
	for len(aside) >= maxAside {
		if err := os.Remove(aside[0]); err != nil {
			return failedWith(err)
		}
		aside = aside[1:]
	}
	name := strings.Replace(pattern, "*", time.Now().UTC().Format("20060102T150405.000000000"), 1)
	if err := os.Rename(s.path, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failedWith(err)
	}
	return nil
}
