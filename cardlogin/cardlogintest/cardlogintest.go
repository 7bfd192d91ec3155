// Package cardlogintest makes cards of TEST people, and logs in with them, for the tests
// of a portal: no agent, no card and no reader is needed.
//
// An [Authority] issues the cards, and a verifier takes them by its [Authority.TrustGroup].
// A [Card] signs what the agent would have it sign; [Card.Login] does what the page does.
// [Browser] is a browser, with its cookies, for a handler that no network serves.
//
// The keys are made when they are needed, in memory. No portal for real cards accepts what
// these authorities issue: their names say TEST. Everything here may be called concurrently.
package cardlogintest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"math/big"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// Authority issues cards of TEST people: a root and an intermediate authority.
type Authority struct{ pki *demopki.PKI }

// NewAuthority makes an Authority. It makes two RSA keys: tests of a package share one.
func NewAuthority() (*Authority, error) {
	pki, err := demopki.New(time.Now())
	if err != nil {
		return nil, fmt.Errorf("cardlogintest: %w", err)
	}
	return &Authority{pki}, nil
}

// TrustGroup is the group by which a verifier takes the authority's cards. Its name is
// "TEST".
func (a *Authority) TrustGroup() authtoken.TrustGroup {
	return authtoken.TrustGroup{
		Name: "TEST", Test: true, RequireEKU: true,
		Roots: []*x509.Certificate{a.pki.Root.Cert}, Intermediates: []*x509.Certificate{a.pki.Intermediate.Cert},
		RequiredPolicies: []string{demopki.PolicyAuthentication}, RefusedPolicies: []string{demopki.PolicyTechnical},
	}
}

// Rules are the rules by which [cps.Parse] reads the authority's cards.
func (a *Authority) Rules() cps.Rules { return cps.DemoRules() }

// Verifier is a verifier that takes the authority's cards, for a site of this origin.
func (a *Authority) Verifier(origin string) (*authtoken.Verifier, error) {
	return authtoken.NewVerifier(authtoken.Config{
		Origin: origin, AllowLoopbackHTTP: true, Revocation: authtoken.RevocationOff,
		Profile: authtoken.Profile{AllowTestCards: true, TrustGroups: []authtoken.TrustGroup{a.TrustGroup()}},
	})
}

// Card is a card of a TEST person.
type Card struct {
	// Certificate is the one for logging in.
	Certificate *x509.Certificate
	key         crypto.Signer
}

// Card issues a card: kind is CPS, CPF, CPE or CPA, and each number is another person,
// always the same one. Two cards of one person differ in their keys, as renewed cards do.
// Any other kind is an error; a card that names nobody is [Authority.Unnamed].
func (a *Authority) Card(kind string, number int) (*Card, error) {
	return a.issue(demopki.NewHolder(kind, number), time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0))
}

// Expired is like Card, of a card that has expired.
func (a *Authority) Expired(kind string, number int) (*Card, error) {
	return a.issue(demopki.NewHolder(kind, number), time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour))
}

// Unnamed issues a service card, which names nobody.
func (a *Authority) Unnamed(number int) (*Card, error) {
	return a.issue(demopki.NewUnnamedHolder(number), time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0))
}

func (a *Authority) issue(holder demopki.Holder, from, to time.Time) (*Card, error) {
	if _, known := demopki.KindPolicies()[holder.Kind]; !known {
		return nil, fmt.Errorf("cardlogintest: %q is no kind of card: CPS, CPF, CPE and CPA are", holder.Kind)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cardlogintest: %w", err)
	}
	cert, err := a.pki.Intermediate.Issue(demopki.Leaf{Holder: holder, NotBefore: from, NotAfter: to, PublicKey: key.Public()})
	if err != nil {
		return nil, fmt.Errorf("cardlogintest: %w", err)
	}
	return &Card{cert, key}, nil
}

const algorithm = "ES256"

// Token is the token by which the card's holder logs in: it signs the origin, as the
// browser would state it, and the portal's nonce.
func (c *Card) Token(origin, nonce string) (json.RawMessage, error) {
	message, err := authtoken.Message(algorithm, origin, nonce)
	if err != nil {
		return nil, err
	}
	digest := crypto.SHA256.New()
	digest.Write(message)
	der, err := c.key.Sign(rand.Reader, digest.Sum(nil), crypto.SHA256)
	if err != nil {
		return nil, err
	}
	signature, err := raw(der)
	if err != nil {
		return nil, err
	}
	token, err := authtoken.New(c.Certificate, algorithm, signature, "TEST")
	if err != nil {
		return nil, err
	}
	return json.Marshal(token)
}

// raw is an ECDSA signature of P-256 as tokens have it: r and s, one after the other.
func raw(der []byte) ([]byte, error) {
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return nil, fmt.Errorf("cardlogintest: %w", err)
	}
	signature := make([]byte, 64)
	rs.R.FillBytes(signature[:32])
	rs.S.FillBytes(signature[32:])
	return signature, nil
}
