package authtoken

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/badcerts"
)

// A refusal repeats what a certificate claims, for logs that people read on terminals.
func TestHostileNamesInErrors(t *testing.T) {
	f := getFixture(t)
	for name, hostile := range badcerts.Hostile() {
		hostile = hostile[:min(len(hostile), 2000)] // one that a token of MaxTokenSize has twice
		root := issuedBy(t, nil, ca("A"))
		issuer := issuedBy(t, root, ca("B", func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: hostile, Organization: []string{hostile}} }))
		config := f.config()
		group := &config.Profile.TrustGroups[0]
		group.Roots, group.Intermediates, group.StrictPolicies = []*x509.Certificate{root.cert}, []*x509.Certificate{issuer.cert}, true
		_, err := verifier(t, config).Verify(t.Context(), encode(t, makeToken(t, f.card(t, issuer), f.p256, "ES256", testOrigin, testNonce)), testNonce)
		var e *Error
		if !errors.As(err, &e) || e.Reason != ReasonIssuerNotAllowed || !strings.Contains(err.Error(), "TEST") {
			t.Fatalf("%s: %v", name, err)
		}
		if what := badcerts.Hides(err.Error()); what != "" {
			t.Errorf("%s: %s in %q", name, what, err)
		}
	}
	if what := badcerts.Hides((&Error{ReasonMalformedToken, errors.New("a\u202eb")}).Error()); what != "" {
		t.Error(what)
	}
}
