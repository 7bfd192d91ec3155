package revocation

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
)

type pkixExtension = pkix.Extension

// Checker checks certificates against the lists and responders that they name. It is an
// authtoken.Revocation, and may be used concurrently. It must be closed.
type Checker struct {
	o       Options
	fetch   *fetcher
	points  pointCache
	answers answers

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	wake    chan struct{}
	reading sync.Mutex

	mu      sync.RWMutex
	sources map[sourceKey]*source
	named   map[string][]string // Options.Sources, by the issuer's name

	closing sync.Mutex // guards closed and Add of running
	closed  bool
	running sync.WaitGroup
}

var _ authtoken.Revocation = (*Checker)(nil)

// New makes a Checker, which fetches lists in the background from now on.
func New(o Options) (*Checker, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	c := &Checker{o: o, fetch: newFetcher(o), wake: make(chan struct{}, 1), sources: map[sourceKey]*source{}, named: map[string][]string{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	for _, s := range o.Sources {
		key := string(s.Issuer.RawSubject)
		c.named[key] = append(c.named[key], s.Addresses...)
	}
	if o.Soft {
		o.Log.Warn("revocation: SOFT MODE: certificates of which nothing is known are accepted")
	}
	c.ahead()
	c.begin(c.background)
	return c, nil
}

// ahead begins to fetch the lists that can be known before the first login.
func (c *Checker) ahead() {
	if !slices.Contains(c.o.Methods, CRL) {
		return
	}
	for _, s := range c.o.Sources {
		for _, address := range s.Addresses {
			c.prefetch(address, s.Issuer)
		}
	}
	for _, cert := range c.o.Authorities {
		for _, issuer := range c.o.Authorities {
			if !cert.Equal(issuer) && slices.Equal(cert.RawIssuer, issuer.RawSubject) {
				for _, address := range c.pointsOf(cert).addresses {
					c.prefetch(address, issuer)
				}
			}
		}
	}
}

func (c *Checker) prefetch(address string, issuer *x509.Certificate) {
	if s, err := c.source(sourceKey{address, false}); err == nil {
		s.addSigner(issuer)
		_, _ = c.refresh(s, false)
	}
}

// begin runs f in the background, unless the Checker is closed.
func (c *Checker) begin(f func()) bool {
	c.closing.Lock()
	defer c.closing.Unlock()
	if c.closed {
		return false
	}
	c.running.Go(f)
	return true
}

// Close ends what runs in the background, and waits for it. What is held still counts.
func (c *Checker) Close() error {
	c.closing.Lock()
	c.closed = true
	c.closing.Unlock()
	c.cancel()
	c.running.Wait()
	c.fetch.closeIdle()
	return nil
}

// subject is a certificate that is to be checked.
type subject struct {
	cert, issuer *x509.Certificate
	chain        []*x509.Certificate // that it belongs to, whose last is the root
	depth        int
	at           time.Time
	nested       int // how many lists stand before this one
	withoutDelta bool
}

// Check checks every certificate of the chain but the root. nil means that none is
// revoked. A *RevokedError, which is authtoken.ErrRevoked, is of one that is; an
// *UnknownError of one of which nobody says it.
//
// It answers from what is held where that counts, and waits for the network otherwise,
// for Options.Wait in all.
func (c *Checker) Check(ctx context.Context, chain []*x509.Certificate, at time.Time) error {
	if len(chain) == 0 || slices.Contains(chain, nil) {
		return errors.New("revocation: a chain without certificates")
	}
	var unknown []subject
	var revoked error
	for i := range len(chain) - 1 {
		s := subject{cert: chain[i], issuer: chain[i+1], chain: chain, depth: i, at: at}
		err := c.held(s)
		var said *RevokedError
		switch {
		case errors.As(err, &said):
			revoked = errors.Join(revoked, err)
		case err != nil:
			unknown = append(unknown, s)
		}
	}
	if revoked != nil {
		return firstOf(revoked)
	}
	if len(unknown) == 0 {
		return nil
	}
	return c.ask(ctx, unknown)
}

func firstOf(err error) error {
	var said *RevokedError
	if errors.As(err, &said) {
		return said
	}
	return err
}

// ask asks the network for each of the certificates, of all at once.
func (c *Checker) ask(ctx context.Context, unknown []subject) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.Wait)
	defer cancel()
	results := make([]error, len(unknown))
	var all sync.WaitGroup
	for i, s := range unknown {
		all.Go(func() { results[i] = c.askOne(ctx, s) })
	}
	all.Wait()
	err := errors.Join(results...)
	if err == nil {
		return nil
	}
	var said *RevokedError
	if errors.As(err, &said) {
		return said
	}
	if c.o.Soft {
		c.o.Log.Warn("revocation: SOFT MODE: a certificate was accepted of which nothing is known", "reasons", Reasons(err), "err", err)
		return nil
	}
	for _, result := range results {
		if result != nil {
			return result
		}
	}
	return nil
}

func (c *Checker) askOne(ctx context.Context, s subject) error {
	unknown := &UnknownError{Depth: s.depth}
	for _, method := range c.o.Methods {
		var err error
		if method == CRL {
			err = c.askLists(ctx, s)
		} else {
			err = c.askResponder(ctx, s)
		}
		var said *RevokedError
		var failed *UnknownError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &said):
			return said
		case errors.As(err, &failed):
			unknown.Attempts = append(unknown.Attempts, failed.Attempts...)
		default:
			unknown.Attempts = append(unknown.Attempts, err)
		}
	}
	return unknown
}

// held answers from what is held: nil for a certificate that is not revoked, a
// *RevokedError, or why that is not known.
func (c *Checker) held(s subject) error {
	var failed []error
	for _, method := range c.o.Methods {
		var err error
		if method == CRL {
			err = c.heldLists(s)
		} else {
			err = c.heldAnswer(s)
		}
		var said *RevokedError
		if err == nil || errors.As(err, &said) {
			return err
		}
		failed = append(failed, err)
	}
	return &UnknownError{Depth: s.depth, Attempts: failed}
}

// pointsOf is where a certificate's lists are, by the settings or else by itself.
func (c *Checker) pointsOf(cert *x509.Certificate) *points {
	p := c.points.of(cert)
	if named := c.named[string(cert.RawIssuer)]; named != nil {
		own := *p
		own.addresses = named
		return &own
	}
	return p
}
