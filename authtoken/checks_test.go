package authtoken

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// reasons are the values of the constants, in the order of errors.go.
func reasonsInOrder(t *testing.T) (list []Reason) {
	t.Helper()
	text, err := os.ReadFile("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\tReason\w+\s+Reason = "(\w+)"`).FindAllStringSubmatch(string(text), -1) {
		list = append(list, Reason(m[1]))
	}
	if len(list) < 20 {
		t.Fatalf("this test cannot parse errors.go: %v", list)
	}
	return list
}

// typeOf is the type of the check that a reason comes from.
var typeOf = map[Reason]error{
	ReasonMalformedRequest: &RequestError{}, ReasonNonceLength: &NonceError{}, ReasonOriginInvalid: &OriginError{},
	ReasonMalformedToken: &TokenError{}, ReasonUnsupportedFormat: &FormatError{},
	ReasonMalformedCertificate: &CertificateError{}, ReasonUnreadableCertificate: &CertificateError{},
	ReasonWrongKeyUsage: &UsageError{}, ReasonWrongExtendedKeyUsage: &UsageError{},
	ReasonRefusedPolicy: &PolicyError{}, ReasonMissingPolicy: &PolicyError{},
	ReasonExpired: &ValidityError{}, ReasonNotYetValid: &ValidityError{}, ReasonUntrustedCA: &TrustError{},
	ReasonTestCardRefused: &TestCardError{}, ReasonIssuerNotAllowed: &IssuerError{},
	ReasonRevoked: &RevocationError{}, ReasonRevocationUnknown: &RevocationError{},
	ReasonAlgorithmRefused: &AlgorithmError{}, ReasonWeakKey: &KeyError{}, ReasonBadSignature: &SignatureError{},
}

// checkType holds a refusal against the type of its check. Every refusal that a test
// expects comes here.
func checkType(t testing.TB, e *Error) {
	t.Helper()
	got, want := reflect.TypeOf(e.Err), reflect.TypeOf(typeOf[e.Reason])
	if e.Reason == ReasonAlgorithmRefused && got == reflect.TypeOf(&KeyError{}) {
		return // an RSA key over the bound
	}
	if got != want {
		t.Errorf("%s is a %v, want %v", e.Reason, got, want)
	}
	if text := e.Err.Error(); text == "" || !strings.Contains(e.Error(), text) {
		t.Errorf("%q, of %q", e, text)
	}
}

func TestEveryReasonHasItsType(t *testing.T) {
	for _, reason := range reasonsInOrder(t) {
		if typeOf[reason] == nil {
			t.Errorf("%s has no type", reason)
		}
	}
}

// The order of the checks is part of what a reason says. A token in which all is wrong is
// mended from the first check on: each time the next one refuses it.
func TestOrderOfTheChecks(t *testing.T) {
	f := getFixture(t)
	policy := func(dotted string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.Policies = oids(t, dotted) }
	}
	foreign := issuedBy(t, nil, ca("étrangère"))
	root := issuedBy(t, nil, ca("A"))
	mail := issuedBy(t, root, ca("B", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} }))
	good := issuedBy(t, root, ca("C"))
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	// What is wrong at the beginning; steps take it away.
	config := f.config()
	group := &config.Profile.TrustGroups[0]
	group.Roots, group.Intermediates = []*x509.Certificate{root.cert}, []*x509.Certificate{mail.cert, good.cert}
	group.MinRSABits, group.RefusedPolicies = 3072, []string{otherPolicy}
	config.Profile.AllowTestCards, config.Profile.Algorithms = false, []Algorithm{PS256}
	config.Revocation = refuser{errors.New("no list")}
	nonce, issuer := "short", foreign
	changes := map[string]func(*x509.Certificate){
		"usage": func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment },
		"EKU":   func(c *x509.Certificate) { c.ExtKeyUsage = nil },
		"named": policy(otherPolicy),
		"valid": func(c *x509.Certificate) { c.NotAfter = testNow.Add(-time.Hour) },
	}
	raw := func(string) string { return "{" }
	steps := []struct {
		want Reason
		mend func()
	}{
		{ReasonNonceLength, func() { nonce = testNonce }},
		{ReasonMalformedToken, func() {
			raw = func(s string) string { return strings.Replace(strings.Replace(s, "1.0", "1.1", 1), "MII", "*II", 1) }
		}},
		{ReasonUnsupportedFormat, func() { raw = func(s string) string { return strings.Replace(s, "MII", "*II", 1) } }},
		{ReasonMalformedCertificate, func() { raw = func(s string) string { return s } }},
		{ReasonWrongKeyUsage, func() { delete(changes, "usage") }},
		{ReasonWrongExtendedKeyUsage, func() { delete(changes, "EKU") }},
		{ReasonRefusedPolicy, func() { changes["named"] = policy("2.999.77") }},
		{ReasonMissingPolicy, func() { delete(changes, "named") }},
		{ReasonExpired, func() { delete(changes, "valid") }},
		{ReasonUntrustedCA, func() { issuer = mail }},
		{ReasonIssuerNotAllowed, func() { issuer = good }}, // of what crypto/x509 refuses
		{ReasonTestCardRefused, func() { config.Profile.AllowTestCards = true }},
		{ReasonRevocationUnknown, func() { config.Revocation = RevocationOff }},
		{ReasonAlgorithmRefused, func() { config.Profile.Algorithms = nil }},
		{ReasonWeakKey, func() { group.MinRSABits = 0 }},
		{ReasonBadSignature, func() { config.Origin = "https://evil.example" }},
		{"", nil},
	}
	for _, step := range steps {
		card := f.card(t, issuer)
		template := *card
		template.RawSubject, template.ExtraExtensions, template.AuthorityKeyId = nil, nil, nil
		for _, change := range changes {
			change(&template)
		}
		card = create(t, &template, issuer.cert, weak.Public(), issuer.key)
		token := makeToken(t, card, weak, "RS256", "https://evil.example", testNonce)
		_, err := verifier(t, config).Verify(t.Context(), []byte(raw(string(encode(t, token)))), nonce)
		if got := reasonOf(err); got != step.want {
			t.Fatalf("%q (%v), want %q", got, err, step.want)
		}
		if step.mend != nil {
			step.mend()
		}
	}
}

func TestTimeSkew(t *testing.T) {
	f := getFixture(t)
	from, to := testNow, testNow.Add(time.Hour)
	cert := f.issueAt(t, f.p256, demopki.Authentication, from, to)
	raw := encode(t, makeToken(t, cert, f.p256, "ES256", testOrigin, testNonce))
	for _, c := range []struct {
		skew time.Duration
		at   time.Time
		want Reason
	}{
		{0, from, ""}, {0, to, ""},
		{0, from.Add(-time.Second), ReasonNotYetValid}, {0, to.Add(time.Second), ReasonExpired},
		{time.Minute, from.Add(-time.Minute), ""}, {time.Minute, to.Add(time.Minute), ""},
		{time.Minute, from.Add(-61 * time.Second), ReasonNotYetValid}, {time.Minute, to.Add(61 * time.Second), ReasonExpired},
	} {
		config := f.config()
		config.TimeSkew, config.Now = c.skew, func() time.Time { return c.at }
		_, err := verifier(t, config).Verify(t.Context(), raw, testNonce)
		if reasonOf(err) != c.want {
			t.Errorf("skew %s at %s: %v, want %q", c.skew, c.at, err, c.want)
		}
	}
	for _, skew := range []time.Duration{-1, MaxTimeSkew + 1} {
		config := f.config()
		config.TimeSkew = skew
		if _, err := NewVerifier(config); err == nil {
			t.Errorf("a skew of %s is accepted", skew)
		}
	}
}

// A key is refused by its size and exponent alone: no signature is verified with it.
func TestBoundsOfRSA(t *testing.T) {
	modulus := func(bits int) *big.Int {
		n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		return n.SetBit(n, 0, 1)
	}
	for _, c := range []struct {
		bits, exponent int
		want           Reason
	}{
		{2048, 65537, ""}, {8192, 65537, ""}, {2048, 1<<31 - 1, ""},
		{2047, 65537, ReasonWeakKey}, {1024, 65537, ReasonWeakKey},
		{8193, 65537, ReasonAlgorithmRefused}, {16384, 65537, ReasonAlgorithmRefused},
		{2048, 3, ReasonWeakKey}, {2048, 1, ReasonWeakKey}, {2048, 65536, ReasonWeakKey}, {2048, 65538, ReasonWeakKey}, {2048, 257, ReasonWeakKey},
	} {
		err := checkKey(&rsa.PublicKey{N: modulus(c.bits), E: c.exponent}, MinRSABits)
		if got := reasonOf(err); got != c.want {
			t.Errorf("%d bits, exponent %d: %v, want %q", c.bits, c.exponent, err, c.want)
		}
	}
}

func TestTooLarge(t *testing.T) {
	f := getFixture(t)
	v := verifier(t, f.config())
	for _, c := range []struct {
		name string
		more int // bytes of a certificate's extension
		want Reason
	}{
		{"as large as may be", MaxCertificateSize, ""},
		{"one more", MaxCertificateSize + 1, ReasonMalformedCertificate},
	} {
		cert := f.sized(t, c.more)
		_, err := v.Verify(t.Context(), encode(t, makeToken(t, cert, f.rsa, "RS256", testOrigin, testNonce)), testNonce)
		if got := reasonOf(err); got != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	// A chain of MaxChainLength passes, one more does not.
	issuer := issuedBy(t, nil, ca("0"))
	config := f.config()
	group := &config.Profile.TrustGroups[0]
	group.Roots, group.Intermediates = []*x509.Certificate{issuer.cert}, nil
	for n := 2; n <= MaxChainLength+1; n++ {
		_, err := verifier(t, config).Verify(t.Context(), encode(t, makeToken(t, f.card(t, issuer), f.p256, "ES256", testOrigin, testNonce)), testNonce)
		if got := reasonOf(err); (n <= MaxChainLength) != (got == "") || got != "" && got != ReasonIssuerNotAllowed {
			t.Errorf("a chain of %d: %v", n, err)
		}
		issuer = issuedBy(t, issuer, ca(string(rune('0'+n))))
		group.Intermediates = append(group.Intermediates, issuer.cert)
	}
}
