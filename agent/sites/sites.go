// Package sites remembers the sites that a person always allows to use the card, and
// the domains whose sites never may. Who logs in where is personal data: the list is sealed by a key in the
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
	"github.com/cpx-bridge/cpx-bridge/internal/domain"
	"github.com/cpx-bridge/cpx-bridge/internal/origin"
)

// Site is a site that the person always allows.
type Site struct {
	Origin string    // as the browser states it in the handshake
	Since  time.Time // when the person chose "always"
}

// Domain is a registrable domain whose sites never may use the card.
type Domain struct {
	Name  string    // of package domain
	Since time.Time // when the person chose "never"
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
	// ErrNewer is a list that a later version of this program wrote. It is never set
	// aside: that version may come back.
	ErrNewer = errors.New("sites: the list is of a later version of this program")

	ErrNoSpace       = errors.New("sites: the disk is full")
	ErrFull          = errors.New("sites: no more sites can be remembered")
	ErrOrigin        = errors.New("sites: not the origin of a site that can be remembered")
	ErrDomain        = errors.New("sites: not a registrable domain")
	ErrNotRemembered = errors.New("sites: this site is not remembered")
)

// Max is how many sites can be remembered as always allowed, and how many domains as
// never: neither takes the places of the other.
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

// List is what is remembered at one moment, in the order in which it was chosen.
type List struct {
	Sites []Site   // always allowed
	Never []Domain // no site of these
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

// Add remembers that a site is always allowed: the person's latest word, so that a
// "never" for its domain is forgotten. A list that is Unreadable is set aside, and a
// new one begins.
func (s *Store) Add(ctx context.Context, origin string) (List, error) {
	if err := check(origin); err != nil {
		return List{}, err
	}
	return s.change(ctx, func(l List) (List, error) {
		never := slices.DeleteFunc(slices.Clone(l.Never), func(x Domain) bool { return x.Name == DomainOf(origin) })
		known := slices.ContainsFunc(l.Sites, func(x Site) bool { return x.Origin == origin })
		switch {
		case known && len(never) == len(l.Never):
			return l, errUnchanged
		case !known && len(l.Sites) >= Max:
			return l, ErrFull
		case !known:
			l.Sites = append(l.Sites, Site{Origin: origin, Since: now()})
		}
		l.Never = never
		return l, nil
	})
}

// AddNever remembers that no site of a domain may use the card: the person's latest
// word, so that each of them that was always allowed is forgotten. A list that is
// Unreadable is set aside, and a new one begins.
func (s *Store) AddNever(ctx context.Context, name string) (List, error) {
	if err := CheckDomain(name); err != nil {
		return List{}, err
	}
	return s.change(ctx, func(l List) (List, error) {
		rest := slices.DeleteFunc(slices.Clone(l.Sites), func(x Site) bool { return DomainOf(x.Origin) == name })
		known := slices.ContainsFunc(l.Never, func(x Domain) bool { return x.Name == name })
		switch {
		case known && len(rest) == len(l.Sites):
			return l, errUnchanged
		case !known && len(l.Never) >= Max:
			return l, ErrFull
		case !known:
			l.Never = append(l.Never, Domain{Name: name, Since: now()})
		}
		l.Sites = rest
		return l, nil
	})
}

func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// errUnchanged says that a change is none.
var errUnchanged = errors.New("sites: nothing to change")

// change changes the list, or a new one where it is Unreadable.
func (s *Store) change(ctx context.Context, do func(List) (List, error)) (List, error) {
	var l List
	err := s.alone(ctx, func(ctx context.Context) (err error) {
		if l, err = s.read(ctx); Unreadable(err) {
			l, err = List{}, s.putAside()
		}
		if err != nil {
			return err
		}
		changed, err := do(l)
		if errors.Is(err, errUnchanged) {
			return nil
		}
		if err == nil {
			l, err = s.write(ctx, changed)
		}
		return err
	})
	return l, err
}

// Forget takes back what was remembered of a site, written as its origin, or of a
// domain.
func (s *Store) Forget(ctx context.Context, what string) (List, error) {
	if check(what) != nil && !isHost(what) {
		return List{}, fmt.Errorf("%w: %q", ErrOrigin, what)
	}
	var l List
	err := s.alone(ctx, func(ctx context.Context) (err error) {
		if l, err = s.read(ctx); err != nil {
			return err
		}
		rest := l
		rest.Sites = slices.DeleteFunc(slices.Clone(l.Sites), func(x Site) bool { return x.Origin == what })
		rest.Never = slices.DeleteFunc(slices.Clone(l.Never), func(x Domain) bool { return x.Name == what })
		switch {
		case len(rest.Sites) < len(l.Sites) || len(rest.Never) < len(l.Never):
		case check(what) != nil && CheckDomain(what) != nil: // such as a site's host alone
			return fmt.Errorf("%w: %q", ErrOrigin, what)
		default:
			return fmt.Errorf("%w: %q", ErrNotRemembered, what)
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

// DomainOf is the registrable domain of an origin, "" where it is none.
func DomainOf(text string) string {
	o, err := origin.Parse(text)
	if err != nil {
		return ""
	}
	return domain.Of(o)
}

// CheckDomain refuses what is not the registrable domain of any origin.
func CheckDomain(name string) error {
	if !isHost(name) || domain.OfHost(name) != name {
		return fmt.Errorf("%w: %q", ErrDomain, name)
	}
	return nil
}

// isHost reports whether a name is a host. What is in a list already is held to no
// more: a later list of public suffixes may divide domains otherwise.
func isHost(name string) bool {
	host := name
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	o, err := origin.Parse("https://" + host)
	return err == nil && !o.HasPort() && strings.Trim(o.Host(), "[]") == name
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
	found.Stamp = stampOf(sealed)
	return found, err
}

// write seals the list under a new key and replaces the file in one step. The
// order matters: wherever it is interrupted, the key in the keyring opens one of the
// two files.
func (s *Store) write(ctx context.Context, l List) (List, error) {
	k := newKey()
	sealed, err := seal(k, l)
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
	l.Stamp = stampOf(sealed)
	return l, nil
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
