package trust

import (
	"crypto/x509"
	"path/filepath"
	"slices"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
	"github.com/cpx-bridge/cpx-bridge/internal/testpki"
)

// Listed is a certificate of a trust group.
type Listed struct {
	Role   string    `json:"role"` // "root" or "intermediate"
	Name   string    `json:"name"`
	SHA256 string    `json:"sha256"`
	Until  time.Time `json:"not_after"`
	// Is says what the certificate is: "known", "unknown", "test" (of a test PKI), "expired".
	Is   string   `json:"is"`
	CRLs []string `json:"crls,omitempty"`
	File string   `json:"file"`
}

// ListedGroup is a trust group with its certificates.
type ListedGroup struct {
	Name             string   `json:"name"`
	Test             bool     `json:"test"`
	RequiredPolicies []string `json:"required_policies"`
	RefusedPolicies  []string `json:"refused_policies"`
	Certificates     []Listed `json:"certificates"`
	Line             int      `json:"line"`
}

// List lists the trust groups of a settings file, whatever else is wrong with it.
func List(settings string, known []CA, now time.Time) ([]ListedGroup, error) {
	content, err := plainfile.Read(settings)
	if err != nil {
		return nil, unread(settings, err)
	}
	d, err := parseDocument(settings, content)
	if err != nil {
		return nil, err
	}
	groups := []ListedGroup{}
	for _, g := range d.groups {
		s, err := g.certificates(filepath.Dir(settings))
		if err != nil {
			return nil, err
		}
		listed := ListedGroup{Name: g.Name, Test: g.Test, RequiredPolicies: g.RequiredPolicies, RefusedPolicies: g.RefusedPolicies, Line: g.Line}
		for i, c := range slices.Concat(s.Roots, s.Intermediates) {
			l := Listed{
				Role: "root", Name: Name(c.Certificate), SHA256: c.SHA256(), Until: c.NotAfter.UTC(), Is: is(c.Certificate, known, now),
				CRLs: c.CRLDistributionPoints, File: c.File,
			}
			if i >= len(s.Roots) {
				l.Role = "intermediate"
			}
			listed.Certificates = append(listed.Certificates, l)
		}
		groups = append(groups, listed)
	}
	return groups, nil
}

func is(c *x509.Certificate, known []CA, now time.Time) string {
	switch {
	case now.After(c.NotAfter):
		return "expired"
	case testpki.ChainSays([]*x509.Certificate{c}):
		return "test"
	case Known(known, Fingerprint(c)) != nil:
		return "known"
	}
	return "unknown"
}
