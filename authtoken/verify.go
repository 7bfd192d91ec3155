package authtoken

import (
	"context"
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
	// TimeSkew is by how much this machine's clock may be wrong, at most MaxTimeSkew:
	// by so much a card's certificate may be out of its validity. 0, the default,
	// allows nothing, as the official Web eID libraries do.
	TimeSkew time.Duration
	// VerifyIssuersEachTime verifies the signatures on issuers' certificates for each
	// token. By default an issuer that was verified is remembered, which changes no
	// outcome: only the card's own certificate costs a verification then.
	VerifyIssuersEachTime bool
	// AllowLoopbackHTTP accepts an Origin of http on localhost or 127.0.0.1.
	AllowLoopbackHTTP bool
	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// MaxTimeSkew is the most that Config.TimeSkew may be.
const MaxTimeSkew = 15 * time.Minute

// Verifier verifies the tokens made for one site. Its methods may be called
// concurrently.
type Verifier struct {
	origin     string
	groups     []*group
	allowTest  bool
	algorithms []Algorithm // nil: all
	skew       time.Duration
	cacheOff   bool
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
// group, two of one name, an unknown algorithm, a skew over MaxTimeSkew. For a malformed origin the error is an *Error with
// origin_invalid.
func NewVerifier(c Config) (*Verifier, error) {
	if err := CheckOrigin(c.Origin); err != nil {
		return nil, err
	}
	if IsLoopbackHTTP(c.Origin) && !c.AllowLoopbackHTTP {
		return nil, refuse(ReasonOriginInvalid, &OriginError{errors.New("plain http on this machine, which Config.AllowLoopbackHTTP allows for development")})
	}
	if c.TimeSkew < 0 || c.TimeSkew > MaxTimeSkew {
		return nil, fmt.Errorf("authtoken: a time skew of %s, want 0 to %s", c.TimeSkew, MaxTimeSkew)
	}
	v := &Verifier{
		origin: c.Origin, allowTest: c.Profile.AllowTestCards,
		algorithms: slices.Clone(c.Profile.Algorithms), revocation: c.Revocation, now: c.Now,
		skew: c.TimeSkew, cacheOff: c.VerifyIssuersEachTime,
	}
	for _, name := range v.algorithms {
		if _, err := lookup(string(name)); err != nil {
			return nil, err
		}
	}
	for _, g := range c.Profile.TrustGroups {
		if slices.ContainsFunc(v.groups, func(other *group) bool { return other.Name == g.Name }) {
			return nil, fmt.Errorf("authtoken: two trust groups are named %q: a Result's group could be either", g.Name)
		}
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
	v.warnOfPolicies(logger)
	return v, nil
}

// warnOfPolicies says which groups for real cards may let in the certificates whose keys
// sign without a PIN.
func (v *Verifier) warnOfPolicies(logger *slog.Logger) {
	for _, g := range v.groups {
		if !g.Test && len(g.RequiredPolicies)+len(g.RefusedPolicies) == 0 {
			logger.Warn("a trust group asks for no policy: a card's technical certificate, whose key signs without a PIN, may be accepted", "group", g.Name)
		}
	}
}

// Origin is the site's own, as the tokens must state it.
func (v *Verifier) Origin() string { return v.origin }

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

// MaxCertificateSize is the longest card's certificate accepted, in bytes of DER.
const MaxCertificateSize = 6000

func (t Token) certificate() (*x509.Certificate, error) {
	der, err := decodeBase64(t.UnverifiedCertificate)
	if err != nil {
		return nil, refuse(ReasonMalformedCertificate, &CertificateError{0, fmt.Errorf("unverifiedCertificate: %w", err)})
	}
	if len(der) > MaxCertificateSize {
		return nil, refuse(ReasonMalformedCertificate, &CertificateError{len(der), fmt.Errorf("certificate of %d bytes, at most %d", len(der), MaxCertificateSize)})
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		reason := ReasonMalformedCertificate
		if _, form := lenientcert.Read(der); form {
			reason = ReasonUnreadableCertificate
		}
		return nil, refuse(reason, &CertificateError{len(der), err})
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
		return refuse(ReasonWrongExtendedKeyUsage, &UsageError{err})
	}
	return refuse(ReasonWrongKeyUsage, &UsageError{err})
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
	at, err := v.within(cert, at)
	if err != nil {
		return nil, nil, err
	}
	var refusal *Error
	for i, g := range v.groups {
		chain, err := v.chain(g, cert, at)
		if err == nil && conditions[i] == nil {
			return g, chain, nil
		}
		// The refusal of a group that knows the issuer says more than the
		// refusal of one that does not.
		if err == nil {
			refusal = conditions[i]
		} else if refusal == nil || refusal.Reason == ReasonUntrustedCA {
			refusal = err
		}
	}
	return nil, nil, refusal
}

// within returns the moment of the certificate's validity that is nearest to now, which
// the skew may allow to be another. Issuers are verified at that moment.
func (v *Verifier) within(cert *x509.Certificate, now time.Time) (time.Time, error) {
	invalid := &ValidityError{cert.NotBefore, cert.NotAfter, now, v.skew}
	switch {
	case now.Before(cert.NotBefore):
		if now.Add(v.skew).Before(cert.NotBefore) {
			return now, refuse(ReasonNotYetValid, invalid)
		}
		return cert.NotBefore, nil
	case now.After(cert.NotAfter):
		if now.Add(-v.skew).After(cert.NotAfter) {
			return now, refuse(ReasonExpired, invalid)
		}
		return cert.NotAfter, nil
	}
	return now, nil
}

func (v *Verifier) checkRevoked(ctx context.Context, chain []*x509.Certificate, at time.Time) error {
	err := v.revocation.Check(ctx, chain, at)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrRevoked):
		return refuse(ReasonRevoked, &RevocationError{err})
	}
	return refuse(ReasonRevocationUnknown, &RevocationError{err})
}

func (v *Verifier) checkSignature(t Token, cert *x509.Certificate, g *group, nonce string) error {
	a, err := lookupFor(t.Algorithm, cert.PublicKey)
	if err != nil {
		return err
	}
	if len(v.algorithms) > 0 && !slices.Contains(v.algorithms, Algorithm(t.Algorithm)) {
		return refuse(ReasonAlgorithmRefused, &AlgorithmError{Algorithm(t.Algorithm), errors.New("not among the profile's algorithms")})
	}
	if err := checkKey(cert.PublicKey, g.MinRSABits); err != nil {
		return err
	}
	signature, err := decodeBase64(t.Signature)
	if err != nil {
		return refuse(ReasonBadSignature, &SignatureError{fmt.Errorf("signature: %w", err)})
	}
	if err := a.Verify(cert.PublicKey, signedBytes(a, v.origin, nonce), signature); err != nil {
		return refuse(ReasonBadSignature, &SignatureError{err})
	}
	return nil
}
