// Package trust makes the trust group for real cards from the certificates of
// authorities that an administrator downloaded: it compares them with the fingerprints
// that are known beforehand, and adds a group to the portal's settings file with all else
// in that file as it was.
//
// Its functions may be called concurrently, but two that change one settings file at a
// time do not: the second one is refused. The package never trusts a certificate for its
// name, fetches nothing, never takes an authority of a test PKI, and never leaves a
// settings file that the portal would refuse.
package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// CA is an authority that is known beforehand.
type CA struct {
	Name   string // its common name
	SHA256 string // of its certificate in DER: 64 hexadecimal digits in upper case
	Issuer string // the name of its root; "" for a root
	// Cards reports whether cards of persons are issued under it. The others are known and
	// not trusted unless they are asked for by name.
	Cards bool
}

// DefaultGroup is the name of the group for the authorities of IGCSante.
const DefaultGroup = "IGC-SANTE"

// IGCSante are the authorities of the health sector's PKI. They all end in June 2033.
var IGCSante = []CA{
	{Name: "AC RACINE IGC-SANTE FORT", SHA256: "53D30A19570826BDE0C0762501F1F1C7A659F976C6C023123DF5239DF34A4EEA", Cards: true},
	{Name: "AC IGC-SANTE FORT PERSONNES", SHA256: "38284E4F6107456E70C7439C85DA7D564D0FE1FE1A968C9EB6D43E1FC0D63C3A", Issuer: "AC RACINE IGC-SANTE FORT", Cards: true},
	{Name: "AC IGC-SANTE FORT ORGANISATIONS", SHA256: "23F69674002D1DD4B018BAECD908DC92687942BB48E5140FF895E2F56BC49C0D", Issuer: "AC RACINE IGC-SANTE FORT"},
	{Name: "AC RACINE IGC-SANTE STANDARD", SHA256: "5891815E864506C662AFB32F8DE5B8DE38BFFA1AF721780B69E19A0C050386C3", Cards: true},
	{Name: "AC IGC-SANTE STANDARD PERSONNES", SHA256: "6C339EBCB3E1B0102B143C9694225C2A4AB2EF6FEDF7D364DA8DB305E7F7D997", Issuer: "AC RACINE IGC-SANTE STANDARD", Cards: true},
	{Name: "AC IGC-SANTE STANDARD ORGANISATIONS", SHA256: "C0520A2B14FB68836A807BF86AB2B3E07D1B6061D91BC9C7B86A6F8DE4B5638E", Issuer: "AC RACINE IGC-SANTE STANDARD"},
	{Name: "AC RACINE IGC-SANTE ELEMENTAIRE", SHA256: "2D9E22CA19F777C6B745257C723ECB8DF3C35FA6F1F6EC36B83600C97346967F"},
	{Name: "AC IGC-SANTE ELEMENTAIRE PERSONNES", SHA256: "19C1EAEAB477B6FBC233CDA3B53FBDBC3F4E9BF6CF6973E46F7DFAEF89C06C6C", Issuer: "AC RACINE IGC-SANTE ELEMENTAIRE"},
	{Name: "AC IGC-SANTE ELEMENTAIRE ORGANISATIONS", SHA256: "D834EE5B40686B73573F60547BF6052C6D404D942A5665CDB2C0B9137B5D27B2", Issuer: "AC RACINE IGC-SANTE ELEMENTAIRE"},
}

// Certificate is a certificate of a file.
type Certificate struct {
	*x509.Certificate
	File string // where it was read
}

// SHA256 is the fingerprint: 64 hexadecimal digits in upper case.
func (c Certificate) SHA256() string { return Fingerprint(c.Certificate) }

// Fingerprint is a certificate's SHA-256: 64 hexadecimal digits in upper case.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// Name is what a person knows a certificate by: its common name, and where there is none
// its whole subject.
func Name(c *x509.Certificate) string {
	if c.Subject.CommonName != "" {
		return c.Subject.CommonName
	}
	return c.Subject.String()
}

// SelfSigned reports whether a certificate is signed by its own key, as roots are.
func SelfSigned(c *x509.Certificate) bool {
	return string(c.RawSubject) == string(c.RawIssuer) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// ParseSHA256 reads a fingerprint as people write it: in either letter case, with colons
// or spaces between the digits.
func ParseSHA256(text string) (string, error) {
	digits := strings.ToUpper(strings.NewReplacer(":", "", " ", "").Replace(strings.TrimSpace(text)))
	if b, err := hex.DecodeString(digits); err != nil || len(b) != sha256.Size {
		return "", fmt.Errorf("%q is no SHA-256: it has 64 hexadecimal digits", text)
	}
	return digits, nil
}

// Known is the authority of the list with a fingerprint, or nil.
func Known(list []CA, fingerprint string) *CA {
	for i := range list {
		if list[i].SHA256 == fingerprint {
			return &list[i]
		}
	}
	return nil
}

// Problem is what is wrong with one file, or with all of them where File is "".
type Problem struct{ File, Text string }

func (p Problem) String() string {
	if p.File == "" {
		return p.Text
	}
	return p.File + ": " + p.Text
}

// Refusal is the error of certificates that are not taken: all that is wrong with them.
type Refusal struct{ Problems []Problem }

func (r *Refusal) Error() string {
	lines := make([]string, len(r.Problems))
	for i, p := range r.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// ErrChanged says that somebody else changed the settings file meanwhile.
var ErrChanged = errors.New("the settings file was changed meanwhile, and nothing of this was done: run the command again")
