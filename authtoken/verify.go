package authtoken

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/authcert"
	"github.com/cpx-bridge/cpx-bridge/internal/lenientcert"
)

// Config is what a Verifier needs.
type Config struct {
	// Origin is the site's own; CheckOrigin says in which form.
	Origin  string
	Profile Profile
	// Revocation has no default: nil is an error. See RevocationOff.
	Revocation Revocation
	// Now defaults to time.Now.
	Now func() time.Time
	// AllowLoopbackHTTP accepts an Origin of http on localhost or 127.0.0.1.
	AllowLoopbackHTTP bool
	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// Verifier verifies the tokens made for one site. Its methods may be called
// concurrently.
type Verifier struct {
	origin     string
	groups     []*group
	allowTest  bool
	algorithms []string // nil: all
	revocation Revocation
	now        func() time.Time
}

// Result is what a token proved: that the holder of the certificate's key
// signed this site's origin and the nonce.
type Result struct {
	Certificate *x509.Certificate
	Chain       []*x509.Certificate // leaf first, root last
	Group       string              // the trust group's name
	Test        bool                // whether it is a test group
}

// NewVerifier makes a Verifier. It fails on a Config that nobody can have meant:
// no Revocation, RevocationOff with a group that is not a test group, no trust
// group, an unknown algorithm. For a malformed origin the error is an *Error with
// origin_invalid.
func NewVerifier(c Config) (*Verifier, error) {
	if err := CheckOrigin(c.Origin); err != nil {
		return nil, err
	}
	if IsLoopbackHTTP(c.Origin) && !c.AllowLoopbackHTTP {
		return nil, refuse(ReasonOriginInvalid, "plain http, and loopback http is not allowed")
	}
	v := &Verifier{
		origin: c.Origin, allowTest: c.Profile.AllowTestCards,
		algorithms: slices.Clone(c.Profile.Algorithms), revocation: c.Revocation, now: c.Now,
	}
	for _, name := range v.algorithms {
		if _, err := lookup(name); err != nil {
			return nil, err
		}
	}
	for _, g := range c.Profile.TrustGroups {
		ready, err := newGroup(g)
		if err != nil {
			return nil, fmt.Errorf("authtoken: %w", err)
		}
		v.groups = append(v.groups, ready)
	}
	if len(v.groups) == 0 {
		return nil, errors.New("authtoken: no trust group")
	}
	if v.now == nil {
		v.now = time.Now
	}
	logger := c.Logger
	if logger == nil {
		logger = slog.Default()
	}
	if err := v.checkRevocation(logger); err != nil {
		return nil, err
	}
	return v, nil
}

// checkRevocation keeps a site for real cards from running without revocation.
func (v *Verifier) checkRevocation(logger *slog.Logger) error {
	if v.revocation == nil {
		return errors.New("authtoken: no revocation check given; it has no default")
	}
	if v.revocation != RevocationOff {
		return nil
	}
	for _, g := range v.groups {
		if !g.Test {
			return fmt.Errorf("authtoken: revocation is off, and trust group %q is not a test group", g.Name)
		}
	}
	logger.Warn("revocation of certificates is not checked: test cards only", "origin", v.origin)
	return nil
}

// Verify verifies a token, as the JSON received, against the nonce that the caller
// deleted from its session for this login.
//
// The error is an *Error. The checks follow the order of the Web eID validation
// algorithm, from the cheap to the costly, and the signature comes last: a
// refusal's reason says nothing about the checks after it.
func (v *Verifier) Verify(ctx context.Context, rawTokenJSON []byte, nonce string) (Result, error) {
	if err := CheckNonce(nonce); err != nil {
		return Result{}, err
	}
	token, err := Parse(rawTokenJSON)
	if err != nil {
		return Result{}, err
	}
	cert, err := token.certificate()
	if err != nil {
		return Result{}, err
	}
	if err := checkUsage(cert); err != nil {
		return Result{}, err
	}
	at := v.now()
	g, chain, err := v.trust(cert, at)
	if err != nil {
		return Result{}, err
	}
	if err := v.checkRevoked(ctx, chain, at); err != nil {
		return Result{}, err
	}
	if err := v.checkSignature(token, cert, g, nonce); err != nil {
		return Result{}, err
	}
	return Result{Certificate: cert, Chain: chain, Group: g.Name, Test: g.Test}, nil
}

func (t Token) certificate() (*x509.Certificate, error) {
	der, err := decodeBase64(t.UnverifiedCertificate)
	if err != nil {
		return nil, refuse(ReasonMalformedCertificate, "unverifiedCertificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		reason := ReasonMalformedCertificate
		if _, form := lenientcert.Read(der); form {
			reason = ReasonUnreadableCertificate
		}
		return nil, &Error{reason, err}
	}
	return cert, nil
}

// checkUsage refuses a certificate that is not for authentication.
func checkUsage(cert *x509.Certificate) error {
	err := authcert.Check(cert)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, authcert.ErrExtendedKeyUsage):
		return &Error{ReasonWrongExtendedKeyUsage, err}
	}
	return &Error{ReasonWrongKeyUsage, err}
}

// trust finds the group that accepts the certificate. It checks a group's
// conditions, then validity, then the chain.
func (v *Verifier) trust(cert *x509.Certificate, at time.Time) (*group, []*x509.Certificate, error) {
	conditions := make([]*Error, len(v.groups))
	for i, g := range v.groups {
		conditions[i] = g.conditions(cert)
	}
	if !slices.Contains(conditions, nil) {
		return nil, nil, conditions[0]
	}
	if at.Before(cert.NotBefore) {
		return nil, nil, refuse(ReasonNotYetValid, "valid from %s", cert.NotBefore.UTC().Format(time.RFC3339))
	}
	if at.After(cert.NotAfter) {
		return nil, nil, refuse(ReasonExpired, "valid until %s", cert.NotAfter.UTC().Format(time.RFC3339))
	}
	refusal := refuse(ReasonUntrustedCA, "issued by %s", cert.Issuer)
	for i, g := range v.groups {
		chain, err := v.chain(g, cert, at)
		if err == nil && conditions[i] == nil {
			return g, chain, nil
		}
		// The refusal of a group that knows the issuer says more than the
		// refusal of one that does not.
		if err == nil {
			refusal = conditions[i]
		} else if refusal.Reason == ReasonUntrustedCA {
			refusal = err
		}
	}
	return nil, nil, refusal
}

func (v *Verifier) checkRevoked(ctx context.Context, chain []*x509.Certificate, at time.Time) error {
	err := v.revocation.Check(ctx, chain, at)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrRevoked):
		return &Error{ReasonRevoked, err}
	}
	return &Error{ReasonRevocationUnknown, err}
}

func (v *Verifier) checkSignature(t Token, cert *x509.Certificate, g *group, nonce string) error {
	a, err := lookupFor(t.Algorithm, cert.PublicKey)
	if err != nil {
		return err
	}
	if len(v.algorithms) > 0 && !slices.Contains(v.algorithms, t.Algorithm) {
		return refuse(ReasonAlgorithmRefused, "%s is not among the profile's algorithms", t.Algorithm)
	}
	if key, ok := cert.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < g.MinRSABits {
		return refuse(ReasonWeakKey, "RSA key of %d bits, at least %d", key.N.BitLen(), g.MinRSABits)
	}
	signature, err := decodeBase64(t.Signature)
	if err != nil {
		return refuse(ReasonBadSignature, "signature: %w", err)
	}
	message, err := Message(t.Algorithm, v.origin, nonce)
	if err != nil {
		return err
	}
	if err := a.Verify(cert.PublicKey, message, signature); err != nil {
		return &Error{ReasonBadSignature, err}
	}
	return nil
}
