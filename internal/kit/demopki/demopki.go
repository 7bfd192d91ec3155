// Package demopki makes a test PKI modelled on the IGC-Santé: a root, an
// intermediate, and leaf certificates with a multi-valued subject and
// certificate policies. Every name says TEST.
//
// It is for demonstration cards and tests only, and never protects its keys. Its
// functions may be called concurrently.
package demopki

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/testpki"
)

// The demonstration's policies, in the arc that is reserved for examples (ITU-T
// X.660, {joint-iso-itu-t example(999)}): no real card carries them.
const (
	PolicyAuthentication = "2.999.10.1"
	PolicySignature      = "2.999.10.2"
	PolicyTechnical      = "2.999.10.3"
	policyKind           = "2.999.20" // followed by the kind's number, 0 CPS to 3 CPA
)

// Authority is a certificate authority with its key.
type Authority struct {
	Cert *x509.Certificate
	Key  crypto.Signer
	// Services are what the certificates that it issues name.
	Services Services
	// Issued, where not nil, is called with each certificate that it issued.
	Issued func(*x509.Certificate) error
}

// Services are the addresses at which an authority says which certificates it revoked:
// of its list (cRLDistributionPoints), of its delta list (freshestCRL), and of its OCSP
// responder (authorityInfoAccess). Certificates do not name what is empty.
type Services struct {
	CRL, Delta, OCSP []string
}

var oidFreshestCRL = asn1.ObjectIdentifier{2, 5, 29, 46}

// name puts the services into a certificate that is to be made.
func (s Services) name(template *x509.Certificate) error {
	template.CRLDistributionPoints, template.OCSPServer = s.CRL, s.OCSP
	if len(s.Delta) == 0 {
		return nil
	}
	// As cRLDistributionPoints (RFC 5280, 4.2.1.15): one point, by its full name.
	type name struct {
		Full []asn1.RawValue `asn1:"tag:0"`
	}
	type point struct {
		Name name `asn1:"tag:0"`
	}
	var full []asn1.RawValue
	for _, address := range s.Delta {
		full = append(full, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(address)})
	}
	value, err := asn1.Marshal([]point{{name{full}}})
	if err != nil {
		return fmt.Errorf("demopki: freshestCRL: %w", err)
	}
	template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: oidFreshestCRL, Value: value})
	return nil
}

// PKI is a root and one intermediate under it.
type PKI struct {
	Root, Intermediate *Authority
}

// New makes a PKI, valid for ten years from an hour before now, whose certificates name no
// services.
func New(now time.Time) (*PKI, error) { return NewServed(now, Services{}, Services{}) }

// NewServed makes a PKI of which the intermediate's certificate names the root's services,
// and those that it issues its own.
func NewServed(now time.Time, ofRoot, ofIntermediate Services) (*PKI, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	root := authority(testpki.Prefix+"AC RACINE IGC-SANTE FORT", now)
	root.MaxPathLen = 1
	cert, err := sign(root, root, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("demopki: root: %w", err)
	}
	p := &PKI{Root: &Authority{Cert: cert, Key: key, Services: ofRoot}}
	if p.Intermediate, err = p.NewIntermediate(now); err != nil {
		return nil, err
	}
	p.Intermediate.Services = ofIntermediate
	return p, nil
}

// NewIntermediate makes another intermediate under the same root, such as the one
// that issues a card's renewal years later.
func (p *PKI) NewIntermediate(now time.Time) (*Authority, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	template := authority(testpki.Prefix+"AC IGC-SANTE FORT PERSONNES", now)
	template.MaxPathLenZero = true
	if err := p.Root.Services.name(template); err != nil {
		return nil, err
	}
	cert, err := sign(template, p.Root.Cert, key.Public(), p.Root.Key)
	if err != nil {
		return nil, fmt.Errorf("demopki: intermediate: %w", err)
	}
	a := &Authority{Cert: cert, Key: key}
	if p.Intermediate != nil {
		a.Services, a.Issued = p.Intermediate.Services, p.Intermediate.Issued
	}
	return a, nil
}

func authority(commonName string, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{
			Country: []string{"FR"}, Organization: []string{"ASIP-SANTE TEST"},
			OrganizationalUnit: []string{testpki.Unit}, CommonName: commonName,
		},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:           x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		SignatureAlgorithm: x509.SHA256WithRSA,
	}
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// Usage is what a certificate on a card is for.
type Usage int

// The three certificates that cards carry.
const (
	Authentication Usage = iota
	Signature
	Technical // its key needs no PIN; never for a login
)

// Leaf is a certificate to issue.
type Leaf struct {
	Holder
	Usage               Usage
	NotBefore, NotAfter time.Time
	PublicKey           crypto.PublicKey
}

// Issue issues the certificate.
func (a *Authority) Issue(l Leaf) (*x509.Certificate, error) {
	subject, err := l.subject()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		RawSubject: subject,
		NotBefore:  l.NotBefore, NotAfter: l.NotAfter,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	policy := PolicyAuthentication
	switch l.Usage {
	case Authentication:
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	case Signature:
		template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
		policy = PolicySignature
	case Technical:
		policy = PolicyTechnical
	}
	for _, text := range []string{policy, l.kindPolicy()} {
		if text == "" {
			continue
		}
		oid, err := x509.ParseOID(text)
		if err != nil {
			return nil, fmt.Errorf("demopki: policy %s: %w", text, err)
		}
		template.Policies = append(template.Policies, oid)
	}
	if err := a.Services.name(template); err != nil {
		return nil, err
	}
	cert, err := sign(template, a.Cert, l.PublicKey, a.Key)
	if err != nil {
		return nil, fmt.Errorf("demopki: leaf: %w", err)
	}
	if a.Issued != nil {
		if err := a.Issued(cert); err != nil {
			return nil, fmt.Errorf("demopki: leaf: %w", err)
		}
	}
	return cert, nil
}

var (
	oidCommonName   = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidSurname      = asn1.ObjectIdentifier{2, 5, 4, 4}
	oidCountry      = asn1.ObjectIdentifier{2, 5, 4, 6}
	oidProvince     = asn1.ObjectIdentifier{2, 5, 4, 8}
	oidOrganization = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidUnit         = asn1.ObjectIdentifier{2, 5, 4, 11}
	oidTitle        = asn1.ObjectIdentifier{2, 5, 4, 12}
	oidGivenName    = asn1.ObjectIdentifier{2, 5, 4, 42}
	oidPseudonym    = asn1.ObjectIdentifier{2, 5, 4, 65}
)

// subject encodes the name in DER. A person's RDN is multi-valued, as on real cards.
func (h Holder) subject() ([]byte, error) {
	single := func(oid asn1.ObjectIdentifier, value string) pkix.RelativeDistinguishedNameSET {
		return pkix.RelativeDistinguishedNameSET{{Type: oid, Value: value}}
	}
	name := pkix.RDNSequence{single(oidCountry, "FR")}
	if h.Structure != "" {
		name = append(name, single(oidProvince, "TEST (00)"), single(oidOrganization, h.Structure))
	}
	if h.StructureID != "" {
		name = append(name, single(oidUnit, h.StructureID))
	}
	if h.Profession != "" {
		name = append(name, single(oidTitle, h.Profession))
	}
	if h.Unnamed {
		name = append(name, single(oidPseudonym, h.Pseudonym), single(oidCommonName, h.Identifier))
	} else {
		name = append(name, pkix.RelativeDistinguishedNameSET{
			{Type: oidCommonName, Value: h.Identifier},
			{Type: oidSurname, Value: h.Surname},
			{Type: oidGivenName, Value: h.GivenName},
		})
	}
	return asn1.Marshal(name)
}

// NewAuthority restores an authority from its certificate and its key (PKCS#8 in
// DER).
func NewAuthority(cert *x509.Certificate, key []byte) (*Authority, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("demopki: key: %w", err)
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("demopki: a key of type %T cannot sign", parsed)
	}
	return &Authority{Cert: cert, Key: signer}, nil
}
