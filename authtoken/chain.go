package authtoken

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/testpki"
)

// MaxChainLength is the longest chain accepted, card and root included.
const MaxChainLength = 6

// chain verifies the certificate up to a root of the group: by its issuer, where what is
// above that one was verified before (issuers), else by all of the chain.
func (v *Verifier) chain(g *group, cert *x509.Certificate, at time.Time) ([]*x509.Certificate, *Error) {
	if !v.cacheOff {
		chain := g.issuers.chain(cert, at)
		if chain != nil && v.admitsTest(g, chain) == nil {
			return chain, nil
		}
	}
	return v.wholeChain(g, cert, at)
}

// wholeChain verifies without what was verified before. Where an issuer has several
// certificates, there are several chains: the first that passes counts, and where none
// does the first refusal.
//
// Signatures, validity, names, path lengths and extended key usage are crypto/x509's.
// Policies are not: it refuses none unless a certificate requires explicit ones.
func (v *Verifier) wholeChain(g *group, cert *x509.Certificate, at time.Time) ([]*x509.Certificate, *Error) {
	chains, err := cert.Verify(x509.VerifyOptions{
		Roots: g.roots, Intermediates: g.intermediates, CurrentTime: at,
		KeyUsages:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		CertificatePolicies: g.required,
	})
	if err != nil {
		return nil, g.noChain(err)
	}
	if err := v.admitsTest(g, chains...); err != nil {
		return nil, err
	}
	var refusal *Error
	for _, chain := range chains {
		err := g.checkIssuers(chain)
		if err == nil {
			if len(chains) == 1 && !v.cacheOff {
				g.issuers.remember(chain)
			}
			return chain, nil
		}
		if refusal == nil {
			refusal = err
		}
	}
	return nil, refusal
}

// admitsTest refuses chains of test cards where the site does not accept them, and where
// the group is one of real cards.
func (v *Verifier) admitsTest(g *group, chains ...[]*x509.Certificate) *Error {
	switch {
	case g.Test && !v.allowTest:
		return refuse(ReasonTestCardRefused, &TestCardError{g.Name, true})
	case !g.Test && slices.ContainsFunc(chains, testpki.ChainSays):
		return refuse(ReasonTestCardRefused, &TestCardError{g.Name, false})
	}
	return nil
}

// noChain distinguishes an issuer that goes beyond its certificate from one that is
// none. The leaf's own usage was checked before, so that what does not fit is an issuer's.
func (g *group) noChain(err error) *Error {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) {
		switch invalid.Reason {
		case x509.IncompatibleUsage, x509.CANotAuthorizedForThisName, x509.TooManyIntermediates, x509.NoValidChains:
			return g.badIssuer(nil, err)
		}
	}
	return refuse(ReasonUntrustedCA, &TrustError{g.Name, err})
}

func (g *group) badIssuer(issuer *x509.Certificate, err error) *Error {
	subject := ""
	if issuer != nil {
		subject = issuer.Subject.String()
	}
	return refuse(ReasonIssuerNotAllowed, &IssuerError{g.Name, subject, err})
}

// checkIssuers checks what crypto/x509 leaves open of a chain that it built. It reads
// the issuers alone, and the chain's length: issuers.remember counts on that.
func (g *group) checkIssuers(chain []*x509.Certificate) *Error {
	if len(chain) > MaxChainLength {
		return g.badIssuer(nil, fmt.Errorf("a chain of %d certificates, at most %d", len(chain), MaxChainLength))
	}
	for _, issuer := range chain[1:] {
		if wrong := checkRSA(issuer.PublicKey, MinRSABits); wrong != nil {
			return g.badIssuer(issuer, wrong)
		}
		if key, ok := issuer.PublicKey.(*ecdsa.PublicKey); ok && key.Curve == elliptic.P224() {
			return g.badIssuer(issuer, errors.New("key on curve P-224"))
		}
		if unknownConstraints(issuer) {
			return g.badIssuer(issuer, errors.New("it constrains names of a kind that is not understood"))
		}
	}
	return g.issuerPolicies(chain)
}

// anyPolicy is an issuer's word for all policies (RFC 5280, 4.2.1.4). A leaf's says
// nothing: the verifier does not come here unless the leaf names a required one.
var anyPolicy = mustOID(2, 5, 29, 32, 0)

func mustOID(arcs ...uint64) x509.OID {
	oid, err := x509.OIDFromInts(arcs)
	if err != nil {
		panic(err)
	}
	return oid
}

// issuerPolicies requires of every issuer below the root that its policies, where it
// states any, allow one that the group requires of the leaf. A root is trusted by itself.
func (g *group) issuerPolicies(chain []*x509.Certificate) *Error {
	if len(g.required) == 0 {
		return nil
	}
	// How many more issuers may say anyPolicy. The certificate of a change of keys counts
	// as one more issuer, which only refuses more.
	more := len(chain)
	for i := len(chain) - 2; i >= 1; i-- {
		issuer := chain[i]
		allowed := slices.ContainsFunc(g.required, func(oid x509.OID) bool { return states(issuer, oid) })
		switch {
		case len(issuer.Policies) == 0 && !g.StrictPolicies, allowed:
		case len(issuer.Policies) == 0:
			return g.badIssuer(issuer, errors.New("it states no policy, and policies are strict"))
		case states(issuer, anyPolicy) && more > 0:
		default:
			return g.badIssuer(issuer, fmt.Errorf("it states policies of which none is one of %s", strings.Join(g.RequiredPolicies, ", ")))
		}
		more--
		if issuer.InhibitAnyPolicy > 0 || issuer.InhibitAnyPolicyZero {
			more = min(more, issuer.InhibitAnyPolicy)
		}
	}
	return nil
}

func states(c *x509.Certificate, policy x509.OID) bool {
	return slices.ContainsFunc(c.Policies, policy.Equal)
}

var oidNameConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}

func isNameConstraints(e pkix.Extension) bool { return e.Id.Equal(oidNameConstraints) }

// unknownConstraints reports whether an issuer constrains names that crypto/x509 does not
// compare, such as subjects. It refuses those itself where they are critical, as they
// have to be, and passes over them where they are not.
func unknownConstraints(issuer *x509.Certificate) bool {
	i := slices.IndexFunc(issuer.Extensions, isNameConstraints)
	if i < 0 {
		return false
	}
	type subtree struct{ Base asn1.RawValue }
	var constraints struct {
		Permitted []subtree `asn1:"optional,tag:0"`
		Excluded  []subtree `asn1:"optional,tag:1"`
	}
	if _, err := asn1.Unmarshal(issuer.Extensions[i].Value, &constraints); err != nil {
		return true
	}
	return slices.ContainsFunc(slices.Concat(constraints.Permitted, constraints.Excluded), func(s subtree) bool {
		switch s.Base.Tag {
		case 1, 2, 6, 7: // mail, DNS, URI, IP address
			return false
		}
		return true
	})
}
