package revocation

import (
	"context"
	"errors"
	"time"
)

// checkSubject is how the certificate of a list's signer is checked: from what is held, or
// with the network.
type checkSubject func(subject) error

// heldLists answers from the lists that are held. Where one of several says that the
// certificate is revoked, it is.
func (c *Checker) heldLists(s subject) error {
	p := c.pointsOf(s.cert)
	var failure error
	good := false
	for _, address := range p.addresses {
		c.mu.RLock()
		source := c.sources[sourceKey{address, false}]
		c.mu.RUnlock()
		if source == nil {
			continue
		}
		err := c.inList(source, s, p, c.held)
		switch {
		case err == nil:
			good = true
		case isRevoked(err):
			return err
		default:
			failure = err
		}
	}
	switch {
	case good:
		return nil
	case failure == nil:
		return c.noList(p)
	}
	return failure
}

func isRevoked(err error) bool {
	var said *RevokedError
	return errors.As(err, &said)
}

// noList says why there is no list for the certificate.
func (c *Checker) noList(p *points) error {
	if len(p.addresses) > 0 {
		return &Error{Reason: ReasonUnavailable, Address: p.addresses[0]}
	}
	if len(p.passed) > 0 {
		return &UnknownError{Attempts: p.passed}
	}
	return refuse(ReasonNoAddress, "the certificate names no list")
}

// inList answers from the list that a source holds.
func (c *Checker) inList(source *source, s subject, p *points, check checkSubject) error {
	source.used.Store(c.o.Now().UnixNano())
	l := source.current.Load()
	if l == nil {
		return &Error{Reason: ReasonUnavailable, Address: source.address}
	}
	if err := c.signedFor(l, s, check); err != nil {
		return at(source.address, err)
	}
	if err := l.scope.covers(s.cert, p); err != nil {
		return at(source.address, err)
	}
	invalid := l.validAt(s.at, c.o.Skew)
	if reasonIs(invalid, ReasonNotYetValid) {
		return at(source.address, invalid)
	}
	found, listed := l.entries.find(s.cert.SerialNumber)
	added, addedListed, pending := c.inDelta(l, s, p)
	if addedListed {
		found, listed = added, added.code != removeFromCRL
	}
	// What was revoked stays so where the list has expired.
	switch {
	case pending != nil && invalid == nil && !s.withoutDelta:
		return &pendingError{pending}
	case listed:
		return &RevokedError{Depth: s.depth, Since: found.since, Code: found.code, Address: source.address}
	case invalid != nil:
		return at(source.address, invalid)
	}
	return nil
}

// pendingError is a certificate of which the complete list says something, where the delta,
// which may say otherwise, was not fetched yet.
type pendingError struct{ delta *source }

func (e *pendingError) Error() string {
	return "revocation: the delta list was not fetched yet: " + e.delta.address
}

const removeFromCRL = 8

func reasonIs(err error, reason Reason) bool {
	var e *Error
	return errors.As(err, &e) && e.Reason == reason
}

// inDelta answers from the delta of a complete list. Where there is none that counts, the
// complete one says it all; but the first fetch of a delta is waited for: pending has it.
func (c *Checker) inDelta(l *list, s subject, p *points) (found entry, listed bool, pending *source) {
	for _, addresses := range [][]string{p.deltas, l.freshest} {
		for _, address := range addresses {
			source, err := c.source(sourceKey{address, true})
			if err != nil {
				continue
			}
			source.used.Store(c.o.Now().UnixNano())
			delta := source.current.Load()
			switch {
			case delta == nil && pending == nil && !source.tried():
				source.addSigner(l.signer)
				pending = source
			case delta != nil && delta.fits(l) == nil && delta.validAt(s.at, c.o.Skew) == nil:
				found, listed = delta.entries.find(s.cert.SerialNumber)
				return found, listed, nil
			}
		}
	}
	return entry{}, false, pending
}

// tried says whether a fetch has ended.
func (s *source) tried() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure != nil || s.current.Load() != nil
}

// askLists fetches the lists of a certificate, one address after the other, until one
// answers. Each has its part of the time.
func (c *Checker) askLists(ctx context.Context, s subject) error {
	p := c.pointsOf(s.cert)
	if len(p.addresses) == 0 {
		return c.noList(p)
	}
	unknown := &UnknownError{Depth: s.depth}
	for i, address := range p.addresses {
		err := c.askList(ctx, len(p.addresses)-i, address, s, p)
		if err == nil || isRevoked(err) {
			return err
		}
		unknown.Attempts = append(unknown.Attempts, err)
	}
	return unknown
}

// askList fetches one list, for one of so many parts of the time.
func (c *Checker) askList(ctx context.Context, parts int, address string, s subject, p *points) error {
	end, _ := ctx.Deadline()
	ctx, cancel := context.WithTimeout(ctx, time.Until(end)/time.Duration(parts))
	defer cancel()
	source, err := c.source(sourceKey{address, false})
	if err != nil {
		return err
	}
	source.addSigner(s.issuer)
	check := func(signer subject) error { return c.askOne(ctx, signer) }
	err = c.inList(source, s, p, check)
	if e, refused := err.(*Error); refused {
		useless := e.Reason != ReasonUnavailable && e.Reason != ReasonExpired
		if failure := c.await(ctx, source, useless, func() bool {
			err = c.inList(source, s, p, check)
			_, refused := err.(*Error)
			return !refused
		}); failure != nil {
			return failure
		}
		err = c.inList(source, s, p, check)
	}
	var pending *pendingError
	if errors.As(err, &pending) {
		_ = c.await(ctx, pending.delta, false, pending.delta.tried)
		s.withoutDelta = true
		err = c.inList(source, s, p, check)
	}
	return err
}

// await fetches a source's list until enough is so, or the fetch has ended. It returns why
// there is nothing new.
func (c *Checker) await(ctx context.Context, s *source, useless bool, enough func() bool) error {
	flight, failure := c.refresh(s, useless)
	if flight == nil {
		return failure
	}
	for _, step := range []chan struct{}{flight.loaded, flight.ended} {
		select {
		case <-step:
		case <-ctx.Done():
			if enough() { // it is there, and is still being saved
				return nil
			}
			return &Error{ReasonTimeout, s.address, context.Cause(ctx)}
		}
		if enough() {
			return nil
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}
