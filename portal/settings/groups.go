package settings

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
	"github.com/cpx-bridge/cpx-bridge/internal/testpki"
	"github.com/cpx-bridge/cpx-bridge/internal/textfile"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// inGroup is a key of a trust group.
func inGroup(i int, key string) string { return fmt.Sprintf("trust_group[%d].%s", i, key) }

func (s *Settings) checkGroups() error {
	if len(s.TrustGroups) == 0 {
		return s.Err("trust_group", "at least one is needed: without a CA no card can be accepted")
	}
	for i, g := range s.TrustGroups {
		if g.Name == "" || visible.Text(g.Name) != g.Name || strings.TrimSpace(g.Name) != g.Name {
			return s.Err(inGroup(i, "name"), "each group needs a name of printable characters")
		}
		same := func(other TrustGroup) bool {
			return strings.EqualFold(norm.NFC.String(other.Name), norm.NFC.String(g.Name))
		}
		if slices.ContainsFunc(s.TrustGroups[:i], same) {
			return s.Err(inGroup(i, "name"), fmt.Sprintf("a second group has the name %q: each needs a name of its own, by which the cards of an account are found", g.Name))
		}
		if len(g.Roots) == 0 {
			return s.Err(inGroup(i, "roots"), "at least one root is needed")
		}
		if err := s.checkPolicies(i); err != nil {
			return err
		}
		if g.MinRSABits != 0 && (g.MinRSABits < 2048 || g.MinRSABits > authtoken.MaxRSABits) {
			return s.Err(inGroup(i, "min_rsa_bits"), fmt.Sprintf("must be from 2048 to %d", authtoken.MaxRSABits))
		}
	}
	return nil
}

// anyPolicy is an authority's word for all policies (RFC 5280, 4.2.1.4).
const anyPolicy = "2.5.29.32.0"

// CheckPolicy fails where a text is no OID.
func CheckPolicy(policy string) error {
	if _, err := x509.ParseOID(policy); err != nil {
		return fmt.Errorf("%q %s", policy, notOID)
	}
	return nil
}

func (s *Settings) checkPolicies(i int) error {
	g := s.TrustGroups[i]
	for key, list := range map[string][]string{"required_policies": g.RequiredPolicies, "refused_policies": g.RefusedPolicies} {
		for _, policy := range list {
			if err := CheckPolicy(policy); err != nil {
				return s.Err(inGroup(i, key), err.Error())
			}
		}
	}
	switch {
	case slices.Contains(g.RequiredPolicies, anyPolicy):
		return s.Err(inGroup(i, "required_policies"), anyPolicy+" (anyPolicy) says nothing of a certificate")
	case g.StrictPolicies && len(g.RequiredPolicies) == 0:
		return s.Err(inGroup(i, "strict_policies"), "needs required_policies")
	case !g.Test && g.RequiredPolicies == nil:
		return s.Err(inGroup(i, "required_policies"), "must be stated for real cards: the policy of their authentication certificates. "+
			"Without one, a card's technical certificate is accepted too, whose key needs no PIN; [] does without")
	}
	return nil
}

// Profile reads the trust groups' CAs.
func (s *Settings) Profile() (authtoken.Profile, error) {
	p := authtoken.Profile{AllowTestCards: s.TestGroups()}
	for i, g := range s.TrustGroups {
		roots, intermediates, err := s.authorities(i)
		if err != nil {
			return p, err
		}
		p.TrustGroups = append(p.TrustGroups, authtoken.TrustGroup{
			Name: g.Name, Test: g.Test, Roots: roots, Intermediates: intermediates,
			RequiredPolicies: g.RequiredPolicies, RefusedPolicies: g.RefusedPolicies, StrictPolicies: g.StrictPolicies, RequireEKU: g.RequireEKU, MinRSABits: g.MinRSABits,
		})
	}
	return p, nil
}

func (s *Settings) certificates(key string, paths []string) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for _, path := range paths {
		text, err := plainfile.ReadHanded(path, handedPatience)
		if err != nil {
			return nil, s.Err(key, err.Error())
		}
		text, is := textfile.Read(text)
		if is != textfile.UTF8 {
			return nil, s.Err(key, fmt.Sprintf("%s is saved as %s: save it as UTF-8", path, is))
		}
		before := len(list)
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, s.Err(key, path+": "+err.Error())
			}
			list = append(list, c)
		}
		if len(list) == before {
			return nil, s.Err(key, path+" holds no certificate in PEM")
		}
	}
	return list, nil
}

// authorities reads the certificates of a group, and checks that each is where it belongs.
func (s *Settings) authorities(i int) (roots, intermediates []*x509.Certificate, err error) {
	g := s.TrustGroups[i]
	if roots, err = s.certificates(inGroup(i, "roots"), g.Roots); err != nil {
		return nil, nil, err
	}
	if intermediates, err = s.certificates(inGroup(i, "intermediates"), g.Intermediates); err != nil {
		return nil, nil, err
	}
	for _, c := range roots {
		if !bytes.Equal(c.RawSubject, c.RawIssuer) {
			return nil, nil, s.Err(inGroup(i, "roots"), fmt.Sprintf("%s is no root: it was issued by %s", subject(c), visible.Text(c.Issuer.String())))
		}
	}
	all := slices.Concat(roots, intermediates)
	for _, c := range intermediates {
		if !slices.ContainsFunc(all, func(issuer *x509.Certificate) bool { return issuer != c && c.CheckSignatureFrom(issuer) == nil }) {
			return nil, nil, s.Err(inGroup(i, "intermediates"), fmt.Sprintf("%s was issued by none of the group's authorities: %s is missing", subject(c), visible.Text(c.Issuer.String())))
		}
	}
	for key, list := range map[string][]*x509.Certificate{"roots": roots, "intermediates": intermediates} {
		for _, c := range list {
			switch {
			case !c.IsCA:
				return nil, nil, s.Err(inGroup(i, key), subject(c)+" is no authority's certificate")
			case !g.Test && testpki.ChainSays([]*x509.Certificate{c}):
				return nil, nil, s.Err(inGroup(i, key), subject(c)+" is of a test PKI, and the group is not marked as test")
			}
		}
	}
	return roots, intermediates, nil
}

func subject(c *x509.Certificate) string { return visible.Text(c.Subject.String()) }
