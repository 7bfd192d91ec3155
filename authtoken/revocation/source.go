package revocation

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// source is one address of a list, with the list that was last fetched from it.
type source struct {
	address string
	delta   bool
	current atomic.Pointer[list]
	used    atomic.Int64 // when it was last asked for, in Unix nanoseconds

	mu      sync.Mutex // guards what follows, and every change of current
	signers []*x509.Certificate
	flight  *flight
	stored  Stored    // without its body: what the list was saved with
	due     time.Time // when it is to be fetched anew
	retry   time.Time // not before: the last try failed
	fails   int
	failure error // of the last try
}

// flight is a fetch under way. loaded is closed once what the store has is there, ended
// when it is over.
type flight struct{ loaded, ended chan struct{} }

const (
	firstRetry = 5 * time.Second
	lastRetry  = 5 * time.Minute
	// uselessRetry is how soon a list is fetched anew that says nothing of a certificate
	// which it should.
	uselessRetry = 30 * time.Second
	// storePart is which part of Options.Wait the store may take before a list is fetched.
	storePart = 4
)

// sourceKey is an address as a complete list's or as a delta's.
type sourceKey struct {
	address string
	delta   bool
}

// source returns the source of an address, which it makes where there is room.
func (c *Checker) source(key sourceKey) (*source, error) {
	c.mu.RLock()
	s := c.sources[key]
	c.mu.RUnlock()
	if s != nil {
		return s, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.sources[key]; s != nil {
		return s, nil
	}
	if len(c.sources) >= c.o.MaxLists && !c.forget() {
		return nil, &Error{Reason: ReasonTooManyLists, Address: key.address}
	}
	s = &source{address: key.address, delta: key.delta}
	s.used.Store(c.o.Now().UnixNano())
	c.sources[key] = s
	return s, nil
}

// forget drops the source that was not used for longest, with c.mu held. One that is being
// fetched stays.
func (c *Checker) forget() bool {
	var oldest sourceKey
	found := false
	for key, s := range c.sources {
		s.mu.Lock()
		idle := s.flight == nil
		s.mu.Unlock()
		if idle && (!found || s.used.Load() < c.sources[oldest].used.Load()) {
			oldest, found = key, true
		}
	}
	delete(c.sources, oldest)
	return found
}

// addSigner notes a certificate with which the source's lists may be signed. A new one is a
// reason to try anew at once.
func (s *source) addSigner(cert *x509.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.signers, cert.Equal) {
		return
	}
	s.signers = append(s.signers, cert)
	s.retry = time.Time{}
}

// refresh begins to fetch the source's list, or joins whoever does. It returns nil, and why
// the last try failed, where it is too early for another. A list that is useless is fetched
// also where it is recent.
func (c *Checker) refresh(s *source, useless bool) (*flight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight != nil {
		return s.flight, nil
	}
	now := c.o.Now()
	if now.Before(s.retry) {
		return nil, s.failure
	}
	if useless && now.Before(s.stored.Fetched.Add(uselessRetry)) {
		return nil, nil
	}
	f := &flight{make(chan struct{}), make(chan struct{})}
	if !c.begin(func() { c.fly(s, f, useless) }) {
		return nil, &Error{Reason: ReasonClosed, Address: s.address}
	}
	s.flight = f
	return f, nil
}

// fly takes the list from the store where it is recent there, and else from the network.
func (c *Checker) fly(s *source, f *flight, useless bool) {
	ctx, cancel := context.WithTimeout(c.ctx, c.o.FetchTimeout)
	defer cancel()
	recent := c.load(ctx, s)
	close(f.loaded)
	var err error
	if !recent || useless {
		err = c.download(ctx, s)
	}
	s.mu.Lock()
	s.flight, s.failure = nil, err
	if err == nil {
		s.fails, s.retry = 0, time.Time{}
		s.due = c.dueAfter(s)
	} else {
		delay := min(firstRetry<<min(s.fails, 10), lastRetry)
		s.fails++
		s.retry = c.o.Now().Add(delay)
		s.due = s.retry
	}
	s.mu.Unlock()
	if err != nil && c.ctx.Err() == nil {
		c.o.Log.Warn("revocation: a list could not be fetched", "address", s.address, "reason", reasonOf(err), "err", err, "held", s.heldUntil())
	}
	close(f.ended)
	c.wakeUp()
}

func reasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ReasonUnavailable
}

// heldUntil is until when the list that is held counts, for the log.
func (s *source) heldUntil() string {
	if l := s.current.Load(); l != nil {
		return l.nextUpdate.UTC().Format(time.RFC3339)
	}
	return "none"
}

// load takes what the store has, if it is newer, and reports whether that is recent
// enough. A store that fails, or hangs, costs a fetch, and no login.
func (c *Checker) load(ctx context.Context, s *source) (recent bool) {
	s.mu.Lock()
	known := s.stored.Sum
	s.mu.Unlock()
	inTime, cancel := context.WithTimeout(ctx, c.o.Wait/storePart)
	stored, err := c.o.Store.Load(inTime, s.storeKey(), known)
	cancel()
	if err != nil {
		c.o.Log.Warn("revocation: the store of lists failed", "address", s.address, "err", err)
		return false
	}
	if stored.Sum == "" {
		return false
	}
	if stored.Sum != known {
		if err := c.install(s, stored.Body, stored); reasonIs(err, ReasonExpired) {
			return false
		} else if err != nil {
			c.o.Log.Warn("revocation: a list of the store does not count", "address", s.address, "reason", reasonOf(err), "err", err)
			return false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// A time in the future is no reason to believe that the list is recent.
	if stored.Fetched.After(s.stored.Fetched) && !stored.Fetched.After(c.o.Now().Add(c.o.Skew)) {
		s.stored.Fetched, s.stored.ETag, s.stored.Modified = stored.Fetched, stored.ETag, stored.Modified
	}
	return c.o.Now().Before(c.dueAfter(s))
}

// storeKey is what the store knows the list by.
func (s *source) storeKey() string {
	if s.delta {
		return "delta " + s.address
	}
	return s.address
}

// download fetches the list and saves it.
func (c *Checker) download(ctx context.Context, s *source) error {
	s.mu.Lock()
	known := s.stored
	s.mu.Unlock()
	got, err := c.fetch.get(ctx, s.address, c.o.MaxListBytes, known)
	if err != nil {
		return err
	}
	now := c.o.Now()
	if got.unchanged {
		known.Fetched = now
		s.mu.Lock()
		s.stored.Fetched = now
		s.mu.Unlock()
		c.save(ctx, s, known)
		if l := s.current.Load(); l != nil {
			err = l.validAt(now, c.o.Skew)
		}
		return err
	}
	der, err := derOf(got.body)
	if err != nil {
		return at(s.address, err)
	}
	stored := Stored{Body: der, Fetched: now, ETag: got.etag, Modified: got.modified}
	if err := c.install(s, der, stored); err != nil {
		return err
	}
	l := s.current.Load()
	stored.Sum, stored.ThisUpdate = l.sum, l.thisUpdate
	if stored.Sum == known.Sum {
		stored.Body = nil
	}
	c.save(ctx, s, stored)
	return nil
}

func (c *Checker) save(ctx context.Context, s *source, stored Stored) {
	if err := c.o.Store.Save(ctx, s.storeKey(), stored); err != nil {
		c.o.Log.Warn("revocation: a list could not be saved", "address", s.address, "err", err)
	}
}

// install reads a list and makes it the one that counts, unless it is older. Lists are read
// one at a time, because reading needs twenty times as much as what is kept.
func (c *Checker) install(s *source, body []byte, stored Stored) error {
	s.mu.Lock()
	candidates := slices.Clone(s.signers)
	s.mu.Unlock()
	candidates = append(candidates, c.o.Authorities...)
	c.reading.Lock()
	l, err := readList(body, s.delta, candidates, listBounds{c.o.MaxListBytes, c.o.MaxEntries})
	c.reading.Unlock()
	if err != nil {
		return at(s.address, err)
	}
	l.address = s.address
	invalid := l.validAt(c.o.Now(), c.o.Skew)
	if reasonIs(invalid, ReasonNotYetValid) {
		return at(s.address, invalid)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.current.Load()
	if held != nil {
		if err := l.after(held); err != nil {
			return at(s.address, err)
		}
	}
	// A list that is over still says who was revoked, but takes nothing from one that holds.
	if invalid != nil && held != nil && held.validAt(c.o.Now(), c.o.Skew) == nil {
		return at(s.address, invalid)
	}
	if held == nil || held.sum != l.sum {
		c.o.Log.Info("revocation: a list is held", "address", s.address, "entries", l.entries.count, "number", numberText(l), "until", l.nextUpdate.UTC().Format(time.RFC3339))
	}
	s.current.Store(l)
	stored.Body, stored.Sum, stored.ThisUpdate = nil, l.sum, l.thisUpdate
	s.stored = stored
	if invalid != nil {
		return at(s.address, invalid)
	}
	return nil
}

func numberText(l *list) string {
	if l.number == nil {
		return ""
	}
	return l.number.String()
}

// dueAfter is when the list that is held is to be fetched anew, with s.mu held: Refresh
// after the last time, a quarter of the time for which it is valid, or half of what is left
// of that. All instances that share a store compute the same but for the last tenth, so
// that the first that fetches does it for the others.
func (c *Checker) dueAfter(s *source) time.Time {
	l := s.current.Load()
	if l == nil {
		return time.Time{}
	}
	interval := min(c.o.Refresh, l.nextUpdate.Sub(l.thisUpdate)/4, l.nextUpdate.Sub(s.stored.Fetched)/2)
	interval = max(interval, minRefresh)
	return s.stored.Fetched.Add(interval - rand.N(interval/10))
}

// anew fetches whatever is due, and returns when the next will be.
func (c *Checker) anew() time.Time {
	c.mu.RLock()
	all := make([]*source, 0, len(c.sources))
	for _, s := range c.sources {
		all = append(all, s)
	}
	c.mu.RUnlock()
	now := c.o.Now()
	next := now.Add(lastRetry)
	for _, s := range all {
		s.mu.Lock()
		due, busy := s.due, s.flight != nil || s.due.IsZero()
		s.mu.Unlock()
		switch {
		case busy:
		case !due.After(now):
			_, _ = c.refresh(s, false)
		case due.Before(next):
			next = due
		}
	}
	return next
}

// background fetches lists ahead of their end until the Checker is closed.
func (c *Checker) background() {
	for {
		timer := time.NewTimer(max(c.anew().Sub(c.o.Now()), 0))
		select {
		case <-c.ctx.Done():
			timer.Stop()
			return
		case <-c.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

func (c *Checker) wakeUp() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// signedFor says whether the list's signer may sign for the certificate's issuer: it has
// the issuer's key, or its name and leads to the same root.
func (c *Checker) signedFor(l *list, s subject, check checkSubject) error {
	if !bytes.Equal(l.rawIssuer, s.issuer.RawSubject) {
		return refuse(ReasonWrongIssuer, "the list is of another issuer")
	}
	if bytes.Equal(l.signer.RawSubjectPublicKeyInfo, s.issuer.RawSubjectPublicKeyInfo) {
		return nil
	}
	chain, err := c.toRoot(l.signer, s)
	if err != nil {
		return refuse(ReasonUnknownSigner, "signed with another key of the issuer's name, which does not lead to the root of the chain: %w", err)
	}
	if s.nested >= maxNested {
		return refuse(ReasonUnknownSigner, "signed with a key whose own list is signed with yet another")
	}
	// The new key's certificate may be revoked itself.
	for i := range len(chain) - 1 {
		signer := subject{cert: chain[i], issuer: chain[i+1], chain: chain, depth: s.depth + 1, at: s.at, nested: s.nested + 1}
		if err := check(signer); err != nil {
			return refuse(ReasonUnknownSigner, "signed with a key whose certificate may be revoked: %v", err)
		}
	}
	return nil
}

// maxNested is how many lists may stand one behind the other for one certificate.
const maxNested = 2

// toRoot builds the chain of a list's signer up to the root of the subject's own.
func (c *Checker) toRoot(signer *x509.Certificate, s subject) ([]*x509.Certificate, error) {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(s.chain[len(s.chain)-1])
	for _, cert := range slices.Concat(c.o.Authorities, s.chain) {
		intermediates.AddCert(cert)
	}
	chains, err := signer.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: s.at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, err
	}
	return chains[0], nil
}
