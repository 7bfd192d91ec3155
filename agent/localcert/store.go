package localcert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
)

// Trust gives access to this machine's stores of trusted certificates.
type Trust interface {
	// Stores are the names of the existing stores. A store's name never changes.
	Stores() ([]string, error)
	Add(store string, ca *x509.Certificate) error
	// Remove removes the certificate; where the store does not hold it, that is no error.
	Remove(store string, ca *x509.Certificate) error
	Has(store string, ca *x509.Certificate) (bool, error)
}

// Options are the options of New.
type Options struct {
	Dir   string // the state folder
	Keys  Keys   // default: the desktop's keyring, without asking the person
	Trust Trust  // default: this system's stores
	Now   func() time.Time
}

// Store is the certificate of this machine and person.
type Store struct {
	dir   string
	keys  Keys
	trust Trust
	now   func() time.Time
}

// New makes a Store. It reads nothing yet.
func New(o Options) *Store {
	s := &Store{dir: o.Dir, keys: o.Keys, trust: o.Trust, now: o.Now}
	if s.keys == nil {
		s.keys = keyring.Ring{}
	}
	if s.trust == nil {
		s.trust = systemTrust{}
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// File is the certificate's file.
func (s *Store) File() string { return filepath.Join(s.dir, certFile) }

// Result is what an installation or a removal did. Problems are the failures that
// did not stop it.
type Result struct {
	End      time.Time // of the new certificate
	Stores   []string  // where it is trusted now, or was until now
	Problems []error   // of kind ErrTrust, ErrStillTrusted or ErrLost
}

// Install makes a new pair and has the stores trust it, then withdraws the pairs from
// before. Where it fails, the pair from before stays in use.
func (s *Store) Install(ctx context.Context) (Result, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	r, err := s.read()
	if err != nil {
		return Result{}, err
	}
	stores, err := s.trust.Stores()
	if err != nil {
		return Result{}, err
	}
	p, err := makePair(s.now())
	if err != nil {
		return Result{}, err
	}
	k, err := s.addPair(ctx, &r, p, stores)
	if err != nil {
		return Result{}, err
	}
	result := Result{End: k.End}
	result.Stores, result.Problems = s.addTrust(k)
	if len(result.Stores) == 0 {
		s.withdraw(ctx, &r, func(other knownPair) bool { return other.ID == k.ID })
		return Result{}, errors.Join(append([]error{s.write(r)}, result.Problems...)...)
	}
	if err := s.serve(&r, p); err != nil {
		s.withdraw(ctx, &r, func(other knownPair) bool { return other.ID == k.ID })
		return Result{}, errors.Join(err, s.write(r))
	}
	result.Problems = append(result.Problems, s.withdraw(ctx, &r, func(other knownPair) bool { return other.ID != k.ID })...)
	return result, s.write(r)
}

// addPair puts the pair into the record and the key into the keyring, before any
// store trusts it.
func (s *Store) addPair(ctx context.Context, r *record, p pair, stores []string) (knownPair, error) {
	k := knownPair{ID: p.id(), CA: p.ca, Stores: stores}
	ca, err := k.cert()
	if err != nil {
		return k, err
	}
	k.End = ca.NotAfter
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		return k, err
	}
	r.Pairs = append(r.Pairs, k)
	if err := s.write(*r); err != nil {
		return k, err
	}
	if err := s.keys.Set(ctx, k.account(), base64.StdEncoding.EncodeToString(der)); err != nil {
		r.Pairs = r.Pairs[:len(r.Pairs)-1]
		return k, errors.Join(err, s.write(*r))
	}
	return k, nil
}

func (s *Store) addTrust(k knownPair) (stores []string, problems []error) {
	ca, err := k.cert()
	if err != nil {
		return nil, []error{err}
	}
	for _, store := range k.Stores {
		err := s.trust.Add(store, ca)
		if present, hasErr := s.trust.Has(store, ca); err == nil && hasErr == nil && present {
			stores = append(stores, store)
			continue
		} else if err == nil {
			err = hasErr
		}
		problems = append(problems, fmt.Errorf("%w: %s: %w", ErrTrust, store, err))
	}
	return stores, problems
}

// serve makes the pair the one that the agent serves with. Where it fails, the pair
// from before stays that.
func (s *Store) serve(r *record, p pair) error {
	before, err := plainfile.Read(s.File())
	if gone(err) != nil {
		return err
	}
	present, current := err == nil, r.Current
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.leaf})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.ca})...)
	if err := atomicfile.Write(s.File(), text, atomicfile.Options{}); err != nil {
		return err
	}
	r.Current = p.id()
	if err = s.write(*r); err == nil {
		return nil
	}
	r.Current = current
	if present {
		return errors.Join(err, atomicfile.Write(s.File(), before, atomicfile.Options{}))
	}
	return errors.Join(err, gone(os.Remove(s.File())))
}

// withdraw removes trust and key of each pair that which selects. A pair stays in
// the record as long as any store trusts it or its key exists.
func (s *Store) withdraw(ctx context.Context, r *record, which func(knownPair) bool) (problems []error) {
	r.Pairs = slices.DeleteFunc(r.Pairs, func(k knownPair) bool { return k.ID == "" })
	for i := range r.Pairs {
		k := &r.Pairs[i]
		if !which(*k) {
			continue
		}
		remaining := s.removeTrust(k)
		err := s.keys.Delete(ctx, k.account())
		if errors.Is(err, keyring.ErrNotFound) {
			err = nil
		}
		if err != nil {
			remaining = append(remaining, fmt.Errorf("%w: its key: %w", ErrStillTrusted, err))
		}
		if problems = append(problems, remaining...); len(remaining) == 0 {
			k.ID = ""
		}
	}
	r.Pairs = slices.DeleteFunc(r.Pairs, func(k knownPair) bool { return k.ID == "" })
	if r.pair(r.Current) == nil {
		r.Current = ""
	}
	return problems
}

func (s *Store) removeTrust(k *knownPair) (problems []error) {
	ca, err := k.cert()
	if err != nil {
		return []error{err}
	}
	k.Stores = slices.DeleteFunc(slices.Clone(k.Stores), func(store string) bool {
		err := s.trust.Remove(store, ca)
		present, hasErr := s.trust.Has(store, ca)
		if hasErr == nil && !present {
			return true
		}
		problems = append(problems, fmt.Errorf("%w: %s: %w", ErrStillTrusted, store, errors.Join(err, hasErr)))
		return false
	})
	return problems
}

// Remove withdraws trust from every store, and deletes the key from the keyring. It
// may be called again until there are no problems. A damaged record does not stop
// it; what is lost of the record is a problem of kind ErrLost.
func (s *Store) Remove(ctx context.Context) (Result, error) {
	if _, err := os.Stat(s.dir); gone(err) == nil && err != nil {
		return Result{}, nil
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	r, lost, err := s.readToRemove()
	if err != nil {
		return Result{}, err
	}
	var result Result
	for _, k := range r.Pairs {
		result.Stores = append(result.Stores, k.Stores...)
	}
	result.Problems = s.withdraw(ctx, &r, func(knownPair) bool { return true })
	if lost != nil {
		result.Problems = append(result.Problems, lost)
	}
	return result, errors.Join(s.write(r), gone(os.Remove(s.File())))
}

func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(s.dir, lockFile))
	if _, err := l.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		return nil, err
	}
	return func() { _ = l.Unlock() }, nil
}

// Certificate reads the certificate that the agent serves with, and its key.
func (s *Store) Certificate(ctx context.Context) (tls.Certificate, error) {
	text, err := plainfile.Read(s.File())
	if err != nil {
		if gone(err) == nil {
			err = ErrNotInstalled
		}
		return tls.Certificate{}, err
	}
	var c tls.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		c.Certificate = append(c.Certificate, block.Bytes)
	}
	if len(c.Certificate) != 2 {
		return tls.Certificate{}, fmt.Errorf("%w: %s", ErrDamaged, certFile)
	}
	if c.Leaf, err = x509.ParseCertificate(c.Certificate[0]); err != nil {
		return tls.Certificate{}, fmt.Errorf("%w: %s: %w", ErrDamaged, certFile, err)
	}
	if now := s.now(); now.After(c.Leaf.NotAfter) || now.Before(c.Leaf.NotBefore) {
		return tls.Certificate{}, ErrExpired
	}
	k := knownPair{ID: pair{ca: c.Certificate[1]}.id()}
	secret, err := s.keys.Get(ctx, k.account())
	if errors.Is(err, keyring.ErrNotFound) {
		err = ErrKeyLost
	}
	if err != nil {
		return tls.Certificate{}, err
	}
	if c.PrivateKey, err = parseKey(secret, c.Leaf); err != nil {
		return tls.Certificate{}, err
	}
	return c, nil
}

// Status is the state of the certificate; the key is not read for it.
type Status struct {
	Installed bool
	End       time.Time
	Trusted   []string // the stores that have it
	Missing   []string // the stores that should have it and do not, or do not answer
	Older     int      // older certificates that are still trusted somewhere
}

// Renew reports whether it is time for a new one.
func (st Status) Renew(now time.Time) bool { return st.Installed && now.After(st.End.Add(-Renewal)) }

// trusts reports whether a store trusts the certificate: some stores can hold one
// that is not trusted any more.
func (s *Store) trusts(store string, ca *x509.Certificate) (bool, error) {
	present, err := s.trust.Has(store, ca)
	if t, ok := s.trust.(interface {
		Trusts(store string, ca *x509.Certificate) (bool, error)
	}); ok && present && err == nil {
		return t.Trusts(store, ca)
	}
	return present, err
}

// Status reads the record and the stores.
func (s *Store) Status(context.Context) (Status, error) {
	r, err := s.read()
	if err != nil {
		return Status{}, err
	}
	var st Status
	for _, k := range r.Pairs {
		ca, err := k.cert()
		if err != nil {
			return st, err
		}
		if k.ID != r.Current {
			st.Older++
			continue
		}
		_, err = os.Stat(s.File())
		st.Installed, st.End = err == nil, k.End
		for _, store := range k.Stores {
			if good, err := s.trusts(store, ca); err == nil && good {
				st.Trusted = append(st.Trusted, store)
			} else {
				st.Missing = append(st.Missing, store)
			}
		}
	}
	return st, nil
}
