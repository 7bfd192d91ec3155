package authtoken

import (
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/testpki"
)

// chain verifies the certificate up to a root of the group. Where an issuer has several
// certificates, there are several chains: the first that passes counts, and where none
// does the first refusal.
//
// Signatures, validity, names, path lengths and extended key usage are crypto/x509's.
// Policies are not: it refuses none unless a certificate requires explicit ones.
func (v *Verifier) chain(g *group, cert *x509.Certificate, at time.Time) ([]*x509.Certificate, *Error) {
	chains, err := cert.Verify(x509.VerifyOptions{
		Roots: g.roots, Intermediates: g.intermediates, CurrentTime: at,
		KeyUsages:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		CertificatePolicies: g.required,
	})
	if err != nil {
		return nil, refuse(chainReason(err), "trust group %q: %w", g.Name, err)
	}
	switch {
	case g.Test && !v.allowTest:
		return nil, refuse(ReasonTestCardRefused, "trust group %q is one of test cards", g.Name)
	case !g.Test && slices.ContainsFunc(chains, testpki.ChainSays):
		return nil, refuse(ReasonTestCardRefused, "a name in the chain says TEST, and trust group %q is not one of test cards", g.Name)
	}
	var refusal *Error
	for _, chain := range chains {
		err := g.issuers(chain)
		if err == nil {
			return chain, nil
		}
		if refusal == nil {
			refusal = err
		}
	}
	return nil, refusal
}

// chainReason distinguishes an issuer that goes beyond its certificate from one that is
// none. The leaf's own usage was checked before, so that what does not fit is an issuer's.
func chainReason(err error) Reason {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) {
		switch invalid.Reason {
		case x509.IncompatibleUsage, x509.CANotAuthorizedForThisName, x509.TooManyIntermediates, x509.NoValidChains:
			return ReasonIssuerNotAllowed
		}
	}
	return ReasonUntrustedCA
}

// issuers checks what crypto/x509 leaves open of a chain that it built.
func (g *group) issuers(chain []*x509.Certificate) *Error {
	for _, issuer := range chain[1:] {
		if key, ok := issuer.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < minRSABits {
			return refuse(ReasonIssuerNotAllowed, "trust group %q: issuer %s: RSA key of %d bits", g.Name, issuer.Subject, key.N.BitLen())
		}
		if unknownConstraints(issuer) {
			return refuse(ReasonIssuerNotAllowed, "trust group %q: issuer %s constrains names of a kind that is not understood", g.Name, issuer.Subject)
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
			return refuse(ReasonIssuerNotAllowed, "trust group %q: issuer %s states no policy, and policies are strict", g.Name, issuer.Subject)
		case states(issuer, anyPolicy) && more > 0:
		default:
			return refuse(ReasonIssuerNotAllowed, "trust group %q: issuer %s states policies of which none is one of %s",
				g.Name, issuer.Subject, strings.Join(g.RequiredPolicies, ", "))
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

// unknownConstraints reports whether an issuer constrains names that crypto/x509 does not
// compare, such as subjects. It refuses those itself where they are critical, as they
// have to be, and passes over them where they are not.
func unknownConstraints(issuer *x509.Certificate) bool {
	i := slices.IndexFunc(issuer.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidNameConstraints) })
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
