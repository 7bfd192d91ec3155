package trust

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/testpki"
)

// Request says which certificates may be trusted.
type Request struct {
	Known []CA
	// Unknown are the fingerprints of certificates that an administrator vouches for,
	// though they are not in Known.
	Unknown []string
	// Include are names of authorities in Known that no card is known to be issued by.
	Include []string
	Now     time.Time
}

// Selection is what a group is made of.
type Selection struct {
	Roots, Intermediates []Certificate
	// Notes say what was passed over, and what is not there that may be wanted.
	Notes []string
}

// Select decides on certificates that are to be trusted beside those in present, which
// are a group's already. The error is a *Refusal with all that is wrong: one certificate
// that is not taken keeps out all.
func (r Request) Select(certificates []Certificate, present Selection) (Selection, error) {
	s := selecting{Request: r, has: map[string]bool{}}
	for _, c := range slices.Concat(present.Roots, present.Intermediates) {
		s.has[c.SHA256()] = true
	}
	s.options()
	for _, c := range certificates {
		s.consider(c)
	}
	all := slices.Concat(present.Roots, s.Roots)
	s.chains(all, slices.Concat(present.Intermediates, s.Intermediates))
	s.absent(present)
	if len(s.problems) > 0 {
		return Selection{}, &Refusal{s.problems}
	}
	return s.Selection, nil
}

type selecting struct {
	Request
	Selection
	problems []Problem
	has      map[string]bool // by fingerprint: what is in the group or was seen
	omitted  []CA            // that no card is issued by
}

func (s *selecting) refuse(c Certificate, format string, args ...any) {
	s.problems = append(s.problems, Problem{c.File, Name(c.Certificate) + " " + fmt.Sprintf(format, args...)})
}

func (s *selecting) note(format string, args ...any) {
	s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
}

// CheckName fails, with all names, where no authority of the list has the name.
func CheckName(known []CA, name string) error {
	if slices.ContainsFunc(known, func(ca CA) bool { return strings.EqualFold(ca.Name, name) }) {
		return nil
	}
	text := fmt.Sprintf("no authority that is known has the name %q. These are:", name)
	for _, ca := range known {
		text += "\n  " + ca.Name
	}
	return errors.New(text)
}

// options checks that Include names authorities of the list.
func (s *selecting) options() {
	for _, name := range s.Include {
		if err := CheckName(s.Known, name); err != nil {
			s.problems = append(s.problems, Problem{"", err.Error()})
		}
	}
}

func (s *selecting) consider(c Certificate) {
	fingerprint := c.SHA256()
	if s.has[fingerprint] {
		s.note("%s: %s is there already; once is enough", c.File, Name(c.Certificate))
		return
	}
	s.has[fingerprint] = true
	known := Known(s.Known, fingerprint)
	switch {
	case testpki.ChainSays([]*x509.Certificate{c.Certificate}):
		s.refuse(c, "is of a test PKI, as its name says: whoever asks for one has a card of it. It never goes into a group for real cards")
	case !c.IsCA:
		s.refuse(c, "is no authority's certificate, but one that an authority issued to somebody")
	case s.Now.After(c.NotAfter):
		s.refuse(c, "has expired, on %s", day(c.NotAfter))
	case s.Now.Before(c.NotBefore):
		s.refuse(c, "is valid from %s on only: is the clock of this machine right?", day(c.NotBefore))
	case weak(c.Certificate):
		s.refuse(c, "has an RSA key of fewer than 2048 bits, and cards under it would be refused")
	case known == nil && !slices.Contains(s.Unknown, fingerprint):
		s.unknown(c, fingerprint)
	case known != nil && !known.Cards && !s.includes(known.Name) && known.Issuer != "":
		s.omitted = append(s.omitted, *known)
		s.note("left out: %s, under which no card of a person is known to be issued; --include %q takes it", known.Name, known.Name)
	case SelfSigned(c.Certificate):
		s.Roots = append(s.Roots, c)
	default:
		s.Intermediates = append(s.Intermediates, c)
	}
}

func weak(c *x509.Certificate) bool {
	key, is := c.PublicKey.(*rsa.PublicKey)
	return is && key.N.BitLen() < 2048
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func (s *selecting) includes(name string) bool {
	return slices.ContainsFunc(s.Include, func(asked string) bool { return strings.EqualFold(asked, name) })
}

// unknown refuses a certificate that nobody vouched for.
func (s *selecting) unknown(c Certificate, fingerprint string) {
	word := "if you have compared this fingerprint with one that you trust from elsewhere, add --unknown-sha256 " + fingerprint
	for _, ca := range s.Known {
		if strings.EqualFold(ca.Name, Name(c.Certificate)) {
			s.refuse(c, "has the name of an authority that is known, and another certificate: SHA-256 %s instead of %s. "+
				"Do not trust it before its authority has told you why; then %s", fingerprint, ca.SHA256, word)
			return
		}
	}
	s.refuse(c, "is not known, SHA-256 %s: %s", fingerprint, word)
}

// chains checks that each new intermediate leads to a root, and that each new root has an
// intermediate under it.
func (s *selecting) chains(roots, intermediates []Certificate) {
	rootPool, pool := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range roots {
		rootPool.AddCert(c.Certificate)
	}
	for _, c := range intermediates {
		pool.AddCert(c.Certificate)
	}
	leads := map[string]bool{} // the roots, by fingerprint
	for _, c := range intermediates {
		chains, err := c.Verify(x509.VerifyOptions{Roots: rootPool, Intermediates: pool, CurrentTime: s.Now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		chains = slices.DeleteFunc(chains, tooLong)
		if err == nil && len(chains) == 0 {
			err = errors.New("it may not issue authorities")
		}
		for _, chain := range chains {
			leads[Fingerprint(chain[len(chain)-1])] = true
		}
		if err != nil && slices.ContainsFunc(s.Intermediates, func(own Certificate) bool { return own.Equal(c.Certificate) }) {
			s.orphan(c, roots, err)
		}
	}
	s.Roots = slices.DeleteFunc(s.Roots, func(c Certificate) bool {
		if leads[c.SHA256()] {
			return false
		}
		return s.childless(c)
	})
}

// tooLong reports whether a chain is longer than one of its issuers allows (RFC 5280,
// 4.2.1.9) once a card's certificate is below it. crypto/x509 takes the authority for the
// last of the chain, which does not count.
func tooLong(chain []*x509.Certificate) bool {
	for below, issuer := range chain {
		if limited := issuer.MaxPathLen > 0 || issuer.MaxPathLen == 0 && issuer.MaxPathLenZero; limited && below > issuer.MaxPathLen {
			return true
		}
	}
	return false
}

// orphan refuses an intermediate without its issuer.
func (s *selecting) orphan(c Certificate, roots []Certificate, err error) {
	issuer := c.Issuer.CommonName
	if known := Known(s.Known, c.SHA256()); known != nil {
		issuer = known.Issuer
	}
	if slices.ContainsFunc(slices.Concat(roots, s.Intermediates), func(r Certificate) bool { return Name(r.Certificate) == issuer }) {
		s.refuse(c, "cannot be used under the %s that is there: %v", issuer, err)
		return
	}
	s.refuse(c, "is there without its issuer, %s: add its file to the command", issuer)
}

// childless reports whether a root under which nothing is taken is passed over; else it is
// refused.
func (s *selecting) childless(root Certificate) bool {
	known := Known(s.Known, root.SHA256())
	if known == nil {
		s.refuse(root, "is there without an authority under it: a card has its own certificate only, so the files of those that issue cards are needed too")
		return false
	}
	if slices.ContainsFunc(s.omitted, func(ca CA) bool { return ca.Issuer == known.Name }) || !known.Cards {
		s.note("left out: %s, because nothing under it is taken", known.Name)
		return true
	}
	var names []string
	for _, ca := range s.Known {
		if ca.Issuer == known.Name && ca.Cards {
			names = append(names, ca.Name)
		}
	}
	s.refuse(root, "is there without %s, which issues the cards: add its file to the command", strings.Join(names, ", "))
	return false
}

// absent notes which authorities of cards are not there, and asks for at least one.
func (s *selecting) absent(present Selection) {
	if len(s.problems) > 0 {
		return
	}
	if len(s.Intermediates)+len(present.Intermediates) == 0 {
		s.problems = append(s.problems, Problem{"", "none of these certificates is of an authority that issues cards"})
		return
	}
	for _, ca := range s.Known {
		if ca.Cards && ca.Issuer != "" && !s.has[ca.SHA256] {
			s.note("not there: %s; the cards that it issued will be refused", ca.Name)
		}
	}
}

// Addresses are where the lists of revoked certificates are, as the certificates of a
// group say it: those of the authorities. Those of the cards stand in the cards.
func (s Selection) Addresses() []string {
	var list []string
	for _, c := range slices.Concat(s.Intermediates, s.Roots) {
		for _, at := range c.CRLDistributionPoints {
			if !slices.Contains(list, at) {
				list = append(list, at)
			}
		}
	}
	return list
}
