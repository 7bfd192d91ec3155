package authtoken

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/cpx-bridge/cpx-bridge/internal/authcert"
)

// Profile says which certificates a site accepts.
type Profile struct {
	// TrustGroups, at least one. A certificate is accepted by the first group
	// that it chains to and whose conditions it meets.
	TrustGroups []TrustGroup
	// AllowTestCards accepts certificates of test groups. Without it they are
	// refused as test cards, with a reason of their own.
	AllowTestCards bool
	// Algorithms restricts the signature algorithms; empty accepts all of the
	// token's (RS, PS and ES, each with 256, 384 and 512).
	Algorithms []Algorithm
}

// TrustGroup is a set of authorities with the conditions for their certificates.
type TrustGroup struct {
	Name string
	// Test marks test authorities. A group without it refuses every chain in
	// which a name says TEST, whatever its roots.
	Test                 bool
	Roots, Intermediates []*x509.Certificate
	// RequiredPolicies are dotted OIDs, of which a certificate must carry at least
	// one; empty requires none. A group for real cards names the policy of their
	// authentication certificates: by key usage alone, a card's technical certificate, whose
	// key signs without a PIN, cannot be told from that.
	RequiredPolicies []string
	// RefusedPolicies are dotted OIDs, of which a certificate must carry none.
	RefusedPolicies []string
	// StrictPolicies refuses issuers that state no policy. One that states some must,
	// in any case, name one of RequiredPolicies or anyPolicy.
	StrictPolicies bool
	// RequireEKU refuses a certificate without extended key usage. One that has
	// it must allow client authentication in any case.
	RequireEKU bool
	// MinRSABits is the smallest RSA key of a card: [MinRSABits] when 0, never less,
	// and at most MaxRSABits.
	MinRSABits int
}

// group is a TrustGroup, checked and parsed.
type group struct {
	TrustGroup
	roots, intermediates *x509.CertPool
	issuers              issuers
	required, refused    []x509.OID
}

func newGroup(g TrustGroup) (*group, error) {
	if g.Name == "" {
		return nil, errors.New("a trust group without a name")
	}
	if len(g.Roots) == 0 {
		return nil, fmt.Errorf("trust group %q has no root", g.Name)
	}
	if g.MinRSABits == 0 {
		g.MinRSABits = MinRSABits
	}
	if g.MinRSABits < MinRSABits || g.MinRSABits > MaxRSABits {
		return nil, fmt.Errorf("trust group %q: RSA keys of at least %d bits, want %d to %d", g.Name, g.MinRSABits, MinRSABits, MaxRSABits)
	}
	ready := &group{TrustGroup: g}
	var err error
	if ready.roots, err = pool(g.Roots); err != nil {
		return nil, fmt.Errorf("trust group %q: %w", g.Name, err)
	}
	if ready.intermediates, err = pool(g.Intermediates); err != nil {
		return nil, fmt.Errorf("trust group %q: %w", g.Name, err)
	}
	if ready.required, err = parseOIDs(g.RequiredPolicies); err != nil {
		return nil, fmt.Errorf("trust group %q: %w", g.Name, err)
	}
	if ready.refused, err = parseOIDs(g.RefusedPolicies); err != nil {
		return nil, fmt.Errorf("trust group %q: %w", g.Name, err)
	}
	switch {
	case slices.ContainsFunc(ready.required, anyPolicy.Equal):
		return nil, fmt.Errorf("trust group %q: anyPolicy as a required policy says nothing of a certificate", g.Name)
	case g.StrictPolicies && len(ready.required) == 0:
		return nil, fmt.Errorf("trust group %q: strict policies without a required policy", g.Name)
	}
	ready.issuers = newIssuers(g)
	return ready, nil
}

func pool(certs []*x509.Certificate) (*x509.CertPool, error) {
	p := x509.NewCertPool()
	for _, cert := range certs {
		if cert == nil {
			return nil, errors.New("a nil certificate")
		}
		p.AddCert(cert)
	}
	return p, nil
}

func parseOIDs(dotted []string) ([]x509.OID, error) {
	oids := make([]x509.OID, 0, len(dotted))
	for _, text := range dotted {
		oid, err := x509.ParseOID(text)
		if err != nil {
			return nil, fmt.Errorf("policy %q: %w", text, err)
		}
		oids = append(oids, oid)
	}
	return oids, nil
}

var errNoExtendedKeyUsage = errors.New("no extended key usage, and the trust group requires one")

// conditions checks all that the group requires of a certificate but its chain.
func (g *group) conditions(cert *x509.Certificate) *Error {
	if g.RequireEKU && !authcert.HasExtendedKeyUsage(cert) {
		return refuse(ReasonWrongExtendedKeyUsage, &UsageError{errNoExtendedKeyUsage})
	}
	carries := func(oid x509.OID) bool { return slices.ContainsFunc(cert.Policies, oid.Equal) }
	if i := slices.IndexFunc(g.refused, carries); i >= 0 {
		return refuse(ReasonRefusedPolicy, &PolicyError{Group: g.Name, Refused: g.RefusedPolicies[i]})
	}
	if len(g.required) > 0 && !slices.ContainsFunc(g.required, carries) {
		return refuse(ReasonMissingPolicy, &PolicyError{Group: g.Name, Required: slices.Clone(g.RequiredPolicies)})
	}
	return nil
}
