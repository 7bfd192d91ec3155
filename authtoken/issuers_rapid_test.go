package authtoken

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// pkiKeys are the keys of generated authorities and cards, the last one the cards'.
var pkiKeys = sync.OnceValue(func() (keys []*ecdsa.PrivateKey) {
	for range 5 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		keys = append(keys, key)
	}
	return keys
})

// oneIn is true for one draw of n, of those that rapid does not prefer.
func oneIn(t *rapid.T, n int, what string) bool { return rapid.IntRange(0, n-1).Draw(t, what) == n/2 }

// party is an authority by name and key; several certificates may be about it.
type party struct{ name, key int }

func (p party) subject() pkix.Name { return pkix.Name{CommonName: fmt.Sprintf("TEST AC %d", p.name)} }

func (p party) keyID() []byte { return []byte{1, byte(p.key)} }

// window draws a validity around testNow, of which some ends fall between the times at
// which tokens are verified.
func window(t *rapid.T) (from, to time.Time) {
	day := func(what string) time.Duration {
		return time.Duration(rapid.SampledFrom([]int{30, 30, 30, 2, 1}).Draw(t, what)) * 24 * time.Hour
	}
	return testNow.Add(-day("from")), testNow.Add(day("to"))
}

// generated issues a certificate about a party, or a card, with what authorities and
// cards do, and now and then with what they should not.
func generated(t *rapid.T, serial int, subject pkix.Name, about, by party, isCA bool) *x509.Certificate {
	keys := pkiKeys()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(int64(serial)), Subject: subject, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, Policies: mustOIDs(demopki.PolicyAuthentication),
	}
	c.NotBefore, c.NotAfter = window(t)
	if isCA {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.MaxPathLen = true, true, x509.KeyUsageCertSign, -1
		c.ExtKeyUsage, c.Policies, c.SubjectKeyId = nil, nil, about.keyID()
		if oneIn(t, 8, "no key id") {
			c.SubjectKeyId = nil
		}
	}
	for _, odd := range odds {
		if oneIn(t, 24, odd.name) {
			odd.change(c)
		}
	}
	parent := &x509.Certificate{Subject: by.subject(), SubjectKeyId: by.keyID()}
	if oneIn(t, 12, "names another key of its issuer") {
		parent.SubjectKeyId = []byte{9}
	}
	signer := keys[by.key]
	if !isCA && oneIn(t, 8, "forged") {
		signer = keys[4] // with all that the issuer would have written
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, keys[about.key].Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Skip(err) // what crypto/x509 writes and does not read
	}
	return cert
}

func mustOIDs(dotted ...string) []x509.OID {
	list, err := parseOIDs(dotted)
	if err != nil {
		panic(err)
	}
	return list
}

// odds are what may make a chain depend on more than its signatures.
var odds = []struct {
	name   string
	change func(*x509.Certificate)
}{
	{"no certificate authority", func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid, c.MaxPathLen = false, false, 0 }},
	{"path length 0", func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, c.IsCA }},
	{"path length 1", func(c *x509.Certificate) {
		if c.IsCA {
			c.MaxPathLen = 1
		}
	}},
	{"for servers", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }},
	{"other policy", func(c *x509.Certificate) { c.Policies = mustOIDs(otherPolicy) }},
	{"any policy", func(c *x509.Certificate) { c.Policies = mustOIDs(anyPolicyOID) }},
	{"constrains DNS names", func(c *x509.Certificate) {
		if c.IsCA {
			c.PermittedDNSDomains = []string{"a.example"}
		}
	}},
	{"constrains mail", func(c *x509.Certificate) {
		if c.IsCA {
			c.ExcludedEmailAddresses = []string{"b.example"}
		}
	}},
	{"has names", func(c *x509.Certificate) {
		c.DNSNames, c.EmailAddresses = []string{"x.b.example"}, []string{"x@b.example"}
	}},
	{"requires policies", func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 36}, Critical: true, Value: []byte{0x30, 3, 0x80, 1, 0}})
	}},
	{"unknown critical extension", func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 999, 1}, Critical: true, Value: []byte{5, 0}})
	}},
}

// world is a generated trust group and the cards that show it.
type world struct {
	groups []TrustGroup
	cards  []*x509.Certificate
}

func generateWorld(t *rapid.T) world {
	parties := []party{{0, 0}, {1, 1}}
	group := TrustGroup{Name: "one", Test: true}
	var all []*x509.Certificate
	add := func(about, by party) {
		cert := generated(t, 1000+len(all), about.subject(), about, by, true)
		all = append(all, cert)
		self := about == by
		if self != oneIn(t, 12, "in the other pool") {
			group.Roots = append(group.Roots, cert)
		} else {
			group.Intermediates = append(group.Intermediates, cert)
		}
		if oneIn(t, 16, "in both pools") {
			group.Roots, group.Intermediates = append(group.Roots, cert), append(group.Intermediates, cert)
		}
	}
	add(parties[0], parties[0])
	add(parties[1], parties[0])
	for range rapid.IntRange(0, 4).Draw(t, "more authorities") {
		about := party{rapid.IntRange(0, 3).Draw(t, "name"), rapid.IntRange(0, 3).Draw(t, "key")}
		if rapid.Bool().Draw(t, "about a known one") {
			about = rapid.SampledFrom(parties).Draw(t, "which")
		}
		by := rapid.SampledFrom(append(parties, about)).Draw(t, "issuer")
		parties = append(parties, about)
		add(about, by)
	}
	if rapid.Bool().Draw(t, "requires the policy") {
		group.RequiredPolicies = []string{demopki.PolicyAuthentication}
		group.StrictPolicies = oneIn(t, 6, "strict")
	}
	w := world{groups: []TrustGroup{group}}
	if len(group.Roots) == 0 {
		t.Skip("no root")
	}
	if rapid.Bool().Draw(t, "two groups") {
		second := TrustGroup{Name: "two", Test: rapid.Bool().Draw(t, "test"), Roots: rapid.SliceOfN(rapid.SampledFrom(all), 1, 3).Draw(t, "its roots"), Intermediates: all}
		w.groups = append(w.groups, second)
		if rapid.Bool().Draw(t, "it comes first") {
			slices.Reverse(w.groups)
		}
	}
	for i := range 4 {
		by := rapid.SampledFrom(append(parties, parties[1], parties[1], parties[1])).Draw(t, "card's issuer")
		subject := pkix.Name{CommonName: fmt.Sprintf("89970007512%d", i)}
		if oneIn(t, 16, "an authority's name") {
			subject = by.subject()
		}
		w.cards = append(w.cards, generated(t, i+1, subject, party{key: 4}, by, false))
	}
	if oneIn(t, 10, "the card is a root") {
		w.groups[0].Roots = append(w.groups[0].Roots, w.cards[0])
	}
	return w
}

// revokedSerials answers by what is in the chain, so that another chain is another answer.
type revokedSerials []int64

func (r revokedSerials) Check(_ context.Context, chain []*x509.Certificate, at time.Time) error {
	for _, c := range chain[:len(chain)-1] {
		switch n := c.SerialNumber.Int64(); {
		case slices.Contains(r, n) && n%2 == 0:
			return fmt.Errorf("serial %d: %w", n, ErrRevoked)
		case slices.Contains(r, n):
			return errors.New("no list")
		}
	}
	return nil
}

// An issuer that is remembered changes no outcome: over generated authorities, groups,
// cards and times, a Verifier that remembers says of each token what one says that
// verifies each chain as a whole, and finds the same chain.
func TestRememberedIssuersChangeNothing(outer *testing.T) {
	remembered, outcomes := 0, map[Reason]int{}
	rapid.Check(outer, func(t *rapid.T) {
		w := generateWorld(t)
		now := testNow
		config := Config{
			Origin: testOrigin, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler),
			Profile:    Profile{TrustGroups: w.groups, AllowTestCards: !oneIn(t, 10, "no test cards")},
			Revocation: revokedSerials(rapid.SliceOfN(rapid.SampledFrom([]int64{1, 2, 3, 4, 1000, 1001}), 0, 2).Draw(t, "revoked")),
		}
		fast, err := NewVerifier(config)
		if err != nil {
			t.Fatal(err)
		}
		config.VerifyIssuersEachTime = true
		plain, err := NewVerifier(config)
		if err != nil {
			t.Fatal(err)
		}
		var tokens [][]byte
		for _, card := range w.cards {
			tokens = append(tokens, encode(outer, makeToken(outer, card, pkiKeys()[4], "ES256", testOrigin, testNonce)))
		}
		for range 24 {
			i := rapid.IntRange(0, len(tokens)-1).Draw(t, "card")
			now = testNow.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 0, 36, -36, 60, -60}).Draw(t, "hours")) * time.Hour)
			for _, g := range fast.groups {
				if g.issuers.chain(w.cards[i], now) != nil {
					remembered++
				}
			}
			got, gotErr := fast.Verify(t.Context(), tokens[i], testNonce)
			want, wantErr := plain.Verify(t.Context(), tokens[i], testNonce)
			outcomes[reasonOf(wantErr)]++
			if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) || reasonOf(gotErr) != reasonOf(wantErr) {
				t.Fatalf("card %d at %s: %v, and the whole chain: %v", i, now, gotErr, wantErr)
			}
			if got.Group != want.Group || got.Test != want.Test || !slices.EqualFunc(got.Chain, want.Chain, (*x509.Certificate).Equal) {
				t.Fatalf("card %d at %s: group %s, chain %v; the whole chain: %s, %v", i, now, got.Group, serials(got.Chain), want.Group, serials(want.Chain))
			}
		}
	})
	every := []Reason{"", ReasonUntrustedCA, ReasonIssuerNotAllowed, ReasonTestCardRefused, ReasonRevoked, ReasonRevocationUnknown, ReasonExpired, ReasonNotYetValid}
	if testing.Short() {
		every = every[:2] // of a fifth as many worlds
	}
	for _, must := range every {
		if outcomes[must] == 0 {
			outer.Errorf("no token ended as %q", must)
		}
	}
	if remembered < outcomes[""]/10 || remembered == 0 {
		outer.Errorf("%d answers from memory for %d tokens accepted", remembered, outcomes[""])
	}
	outer.Logf("%d answers from memory; outcomes %v", remembered, outcomes)
}

func reasonOf(err error) Reason {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

func serials(chain []*x509.Certificate) (list []string) {
	for _, c := range chain {
		list = append(list, c.SerialNumber.String())
	}
	return list
}
