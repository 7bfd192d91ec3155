package revocation

import (
	"crypto/x509"
	"encoding/asn1"
	"net/url"
	"slices"
	"sync"
)

var (
	oidDistributionPoints = asn1.ObjectIdentifier{2, 5, 29, 31}
	oidFreshest           = asn1.ObjectIdentifier{2, 5, 29, 46}
)

// points is where the lists are to which a certificate belongs.
type points struct {
	addresses []string // of complete lists
	deltas    []string // of delta lists
	// names are the points' GeneralNames, each in DER, as a list of a partition states its own.
	names  [][]byte
	passed []error // why points do not count that are there
}

// distributionPoint is DistributionPoint of RFC 5280, 4.2.1.13. Its name's tag is explicit
// because it is of a CHOICE, which here is a sequence of the choices.
type distributionPoint struct {
	Name    pointName       `asn1:"optional,tag:0"`
	Reasons asn1.BitString  `asn1:"optional,tag:1"`
	Issuer  []asn1.RawValue `asn1:"optional,tag:2"`
}

type pointName struct {
	Full     []asn1.RawValue `asn1:"optional,tag:0"`
	Relative []asn1.RawValue `asn1:"optional,tag:1"`
}

// pointCache remembers points by what they were read from: all cards of an issuer state
// the same.
type pointCache struct {
	mu   sync.RWMutex
	read map[pointKey]*points
}

// pointKey is cRLDistributionPoints and freshestCRL, as they stand in a certificate.
type pointKey struct{ complete, freshest string }

const mostPoints = 1024

func (c *pointCache) of(cert *x509.Certificate) *points {
	complete, freshest := extension(cert, oidDistributionPoints), extension(cert, oidFreshest)
	c.mu.RLock()
	p := c.read[pointKey{string(complete), string(freshest)}]
	c.mu.RUnlock()
	if p != nil {
		return p
	}
	p = readPoints(complete, freshest)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read == nil || len(c.read) >= mostPoints {
		c.read = map[pointKey]*points{}
	}
	c.read[pointKey{string(complete), string(freshest)}] = p
	return p
}

func extension(cert *x509.Certificate, oid asn1.ObjectIdentifier) []byte {
	for i := range cert.Extensions {
		if cert.Extensions[i].Id.Equal(oid) {
			return cert.Extensions[i].Value
		}
	}
	return nil
}

func readPoints(complete, freshest []byte) *points {
	p := &points{}
	p.addresses, p.names, p.passed = readPoint(complete)
	p.deltas, _, _ = readPoint(freshest) // a complete list counts without its delta
	return p
}

// readPoint reads cRLDistributionPoints or freshestCRL, which have the same form.
func readPoint(value []byte) (addresses []string, names [][]byte, passed []error) {
	if value == nil {
		return nil, nil, nil
	}
	var all []distributionPoint
	if rest, err := asn1.Unmarshal(value, &all); err != nil || len(rest) > 0 {
		return nil, nil, []error{refuse(ReasonNoAddress, "the distribution points cannot be read: %v", err)}
	}
	for _, p := range all {
		switch {
		case len(p.Issuer) > 0:
			passed = append(passed, refuse(ReasonIndirect, "a distribution point whose list another than the issuer signs"))
			continue
		case p.Reasons.BitLength > 0:
			passed = append(passed, refuse(ReasonSomeReasons, "a distribution point for some reasons of revocation alone"))
			continue
		case len(p.Name.Relative) > 0:
			passed = append(passed, refuse(ReasonNoAddress, "a distribution point with a name relative to its issuer"))
			continue
		}
		for _, name := range p.Name.Full {
			names = append(names, name.FullBytes)
			if name.Class != asn1.ClassContextSpecific || name.Tag != 6 { // uniformResourceIdentifier
				continue
			}
			address := string(name.Bytes)
			if err := checkAddress(address); err != nil {
				passed = append(passed, err)
			} else if !slices.Contains(addresses, address) {
				addresses = append(addresses, address)
			}
		}
	}
	return addresses, names, passed
}

// checkAddress refuses what is no absolute http or https address. What it leads to is
// checked when it is dialled.
func checkAddress(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return &Error{Reason: ReasonAddressRefused, Address: address}
	case u.Scheme == "ldap" || u.Scheme == "ldaps":
		return &Error{ReasonNoAddress, address, errLDAP}
	case u.Scheme != "http" && u.Scheme != "https":
		return &Error{ReasonAddressRefused, address, errScheme}
	case u.Host == "" || u.Opaque != "" || u.User != nil:
		return &Error{ReasonAddressRefused, address, errHost}
	}
	return nil
}
