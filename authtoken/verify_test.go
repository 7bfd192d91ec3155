package authtoken

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

func verifier(t testing.TB, c Config) *Verifier {
	t.Helper()
	v, err := NewVerifier(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func wantReason(t *testing.T, err error, want Reason) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want an *Error with %s", err, want)
	}
	if e.Reason != want {
		t.Fatalf("reason %s (%v), want %s", e.Reason, err, want)
	}
	checkType(t, e)
}

func TestVerifyAccepts(t *testing.T) {
	f := getFixture(t)
	v := verifier(t, f.config())
	for _, c := range []struct {
		alg string
		key crypto.Signer
	}{
		{"RS256", f.rsa}, {"RS384", f.rsa}, {"RS512", f.rsa},
		{"PS256", f.rsa}, {"PS384", f.rsa}, {"PS512", f.rsa},
		{"ES256", f.p256}, {"ES384", f.p384},
	} {
		t.Run(c.alg, func(t *testing.T) {
			cert := f.issue(t, c.key, demopki.Authentication)
			nonce := NewNonce()
			raw := encode(t, makeToken(t, cert, c.key, c.alg, testOrigin, nonce))
			got, err := v.Verify(t.Context(), raw, nonce)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Certificate.Equal(cert) || got.Group != "demo" || !got.Test || len(got.Chain) != 3 {
				t.Errorf("result %+v", got)
			}
		})
	}
}

// refuser is a revocation check with a fixed answer.
type refuser struct{ err error }

func (r refuser) Check(context.Context, []*x509.Certificate, time.Time) error { return r.err }

func TestVerifyRefuses(t *testing.T) {
	f := getFixture(t)
	good := f.issue(t, f.rsa, demopki.Authentication)
	signature := f.issue(t, f.rsa, demopki.Signature)
	technical := f.issue(t, f.rsa, demopki.Technical)
	old := f.issueAt(t, f.rsa, demopki.Authentication, testNow.Add(-2*time.Hour), testNow.Add(-time.Second))
	future := f.issueAt(t, f.rsa, demopki.Authentication, testNow.Add(time.Second), testNow.Add(time.Hour))
	other, err := demopki.New(testNow)
	if err != nil {
		t.Fatal(err)
	}
	group := func(c *Config) *TrustGroup { return &c.Profile.TrustGroups[0] }
	for _, c := range []struct {
		name   string
		cert   *x509.Certificate
		config func(*Config)
		want   Reason
	}{
		{"signature certificate", signature, nil, ReasonWrongKeyUsage},
		{"CA certificate", f.pki.Root.Cert, nil, ReasonWrongKeyUsage},
		{"CA certificate that may sign", f.template(t, func(c *x509.Certificate) {
			c.IsCA, c.BasicConstraintsValid = true, true
		}), nil, ReasonWrongKeyUsage},
		{"server certificate", f.template(t, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}), nil, ReasonWrongExtendedKeyUsage},
		{"unknown EKU alone", f.template(t, func(c *x509.Certificate) {
			c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, []asn1.ObjectIdentifier{{2, 999, 1}}
		}), nil, ReasonWrongExtendedKeyUsage},
		{"any EKU", f.template(t, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
		}), nil, ReasonWrongExtendedKeyUsage},
		{"no key usage", f.template(t, func(c *x509.Certificate) { c.KeyUsage = 0 }), nil, ReasonWrongKeyUsage},
		{"technical certificate, EKU required", technical, nil, ReasonWrongExtendedKeyUsage},
		{"technical certificate, EKU not required", technical, func(c *Config) { group(c).RequireEKU = false }, ReasonRefusedPolicy},
		{"no policy", f.template(t, func(c *x509.Certificate) { c.Policies = nil }), nil, ReasonMissingPolicy},
		{"other policy", good, func(c *Config) { group(c).RequiredPolicies = []string{"2.999.77"} }, ReasonMissingPolicy},
		{"expired", old, nil, ReasonExpired},
		{"not yet valid", future, nil, ReasonNotYetValid},
		{"other root of the same name", good, func(c *Config) {
			group(c).Roots = []*x509.Certificate{other.Root.Cert}
		}, ReasonUntrustedCA},
		{"no intermediate", good, func(c *Config) { group(c).Intermediates = nil }, ReasonUntrustedCA},
		{"self-signed", f.selfSigned(t), nil, ReasonUntrustedCA},
		{"test cards not allowed", good, func(c *Config) { c.Profile.AllowTestCards = false }, ReasonTestCardRefused},
		{"test card in a group of real ones", good, func(c *Config) {
			group(c).Test, c.Revocation = false, refuser{}
		}, ReasonTestCardRefused},
		{"revoked", good, func(c *Config) { c.Revocation = refuser{fmt.Errorf("list 12: %w", ErrRevoked)} }, ReasonRevoked},
		{"revocation not known", good, func(c *Config) { c.Revocation = refuser{errors.New("no list")} }, ReasonRevocationUnknown},
		{"algorithm not in profile", good, func(c *Config) { c.Profile.Algorithms = []Algorithm{"PS256"} }, ReasonAlgorithmRefused},
		{"key under the profile's size", good, func(c *Config) { group(c).MinRSABits = 3072 }, ReasonWeakKey},
		{"another site", good, func(c *Config) { c.Origin = "https://autre.test.example" }, ReasonBadSignature},
		{"another port", good, func(c *Config) { c.Origin = testOrigin + ":8443" }, ReasonBadSignature},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := f.config()
			if c.config != nil {
				c.config(&config)
			}
			raw := encode(t, makeToken(t, c.cert, f.rsa, "RS256", testOrigin, testNonce))
			got, err := verifier(t, config).Verify(t.Context(), raw, testNonce)
			wantReason(t, err, c.want)
			if got.Certificate != nil {
				t.Error("a certificate comes with a refusal")
			}
		})
	}
}

// A renewed card may come from another intermediate. The group that knows a card's
// issuer decides, and the other groups' refusals do not hide its reason.
func TestSeveralGroups(t *testing.T) {
	f := getFixture(t)
	other, err := demopki.New(testNow)
	if err != nil {
		t.Fatal(err)
	}
	c := f.config()
	demo := c.Profile.TrustGroups[0]
	foreign := demo
	foreign.Name = "foreign"
	foreign.Roots, foreign.Intermediates = []*x509.Certificate{other.Root.Cert}, []*x509.Certificate{other.Intermediate.Cert}
	foreign.RequiredPolicies, foreign.RefusedPolicies, foreign.RequireEKU = nil, nil, false
	c.Profile.TrustGroups = []TrustGroup{foreign, demo}
	v := verifier(t, c)

	good := f.issue(t, f.rsa, demopki.Authentication)
	got, err := v.Verify(t.Context(), encode(t, makeToken(t, good, f.rsa, "RS256", testOrigin, testNonce)), testNonce)
	if err != nil || got.Group != "demo" {
		t.Errorf("group %q, error %v", got.Group, err)
	}
	technical := f.issue(t, f.rsa, demopki.Technical)
	_, err = v.Verify(t.Context(), encode(t, makeToken(t, technical, f.rsa, "RS256", testOrigin, testNonce)), testNonce)
	wantReason(t, err, ReasonWrongExtendedKeyUsage)
}

func TestRealGroupAcceptsNamesWithoutTest(t *testing.T) {
	f := getFixture(t)
	root := create(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "AC RACINE EXEMPLE"},
		NotBefore: testNow.Add(-time.Hour), NotAfter: testNow.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, &x509.Certificate{Subject: pkix.Name{CommonName: "AC RACINE EXEMPLE"}}, f.rsa.Public(), f.rsa)
	leaf := create(t, f.template(t, func(*x509.Certificate) {}), root, f.p256.Public(), f.rsa)
	c := f.config()
	c.Revocation = refuser{}
	c.Profile = Profile{TrustGroups: []TrustGroup{{Name: "real", Roots: []*x509.Certificate{root}}}}
	got, err := verifier(t, c).Verify(t.Context(), encode(t, makeToken(t, leaf, f.p256, "ES256", testOrigin, testNonce)), testNonce)
	if err != nil || got.Test {
		t.Errorf("test %v, error %v", got.Test, err)
	}
}

func TestNewVerifierRefuses(t *testing.T) {
	f := getFixture(t)
	for name, change := range map[string]func(*Config){
		"no revocation":                  func(c *Config) { c.Revocation = nil },
		"revocation off with real cards": func(c *Config) { c.Profile.TrustGroups[0].Test = false },
		"revocation off, one real group": func(c *Config) {
			real := c.Profile.TrustGroups[0]
			real.Test, real.Name = false, "real"
			c.Profile.TrustGroups = append(c.Profile.TrustGroups, real)
		},
		"two groups of one name": func(c *Config) {
			c.Profile.TrustGroups = append(c.Profile.TrustGroups, c.Profile.TrustGroups[0])
		},
		"a minimum over the maximum": func(c *Config) { c.Profile.TrustGroups[0].MinRSABits = MaxRSABits + 1 },
		"no group":                   func(c *Config) { c.Profile.TrustGroups = nil },
		"group unnamed":              func(c *Config) { c.Profile.TrustGroups[0].Name = "" },
		"no root":                    func(c *Config) { c.Profile.TrustGroups[0].Roots = nil },
		"nil root":                   func(c *Config) { c.Profile.TrustGroups[0].Roots = []*x509.Certificate{nil} },
		"weak minimum":               func(c *Config) { c.Profile.TrustGroups[0].MinRSABits = 1024 },
		"bad policy":                 func(c *Config) { c.Profile.TrustGroups[0].RefusedPolicies = []string{"x"} },
		"bad required":               func(c *Config) { c.Profile.TrustGroups[0].RequiredPolicies = []string{""} },
		"any as required":            func(c *Config) { c.Profile.TrustGroups[0].RequiredPolicies = []string{anyPolicyOID} },
		"strict, none required": func(c *Config) {
			c.Profile.TrustGroups[0].RequiredPolicies, c.Profile.TrustGroups[0].StrictPolicies = nil, true
		},
		"unknown algorithm": func(c *Config) { c.Profile.Algorithms = []Algorithm{"HS256"} },
		"no origin":         func(c *Config) { c.Origin = "" },
		"plain http":        func(c *Config) { c.Origin = "http://localhost:8080" },
	} {
		t.Run(name, func(t *testing.T) {
			c := f.config()
			change(&c)
			if v, err := NewVerifier(c); err == nil || v != nil {
				t.Errorf("verifier %v, error %v", v, err)
			}
		})
	}
}

func TestRevocationOffIsLoggedAtEachStart(t *testing.T) {
	c := getFixture(t).config()
	c.Origin, c.AllowLoopbackHTTP = "http://localhost:8080", true
	for range 2 {
		var log bytes.Buffer
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		verifier(t, c)
		if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "revocation") {
			t.Errorf("log %q", log.String())
		}
	}
}

// The official vector of the Web eID validation library, at the time of that
// library's test. The token does not hold its authority, so its certificate serves
// as the root: this verifies the message and the signature, not the chain.
func TestOfficialVector(t *testing.T) {
	const vectorNonce = "12345678123456781234567812345678912356789123"
	token, err := Parse([]byte(officialVector))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := token.certificate()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2024, 8, 1, 0, 0, 0, 0, time.UTC)
	c := Config{
		Origin: "https://ria.ee", Revocation: RevocationOff,
		Now: func() time.Time { return at }, Logger: slog.New(slog.DiscardHandler),
		Profile: Profile{AllowTestCards: true, TrustGroups: []TrustGroup{{
			Name: "vector", Test: true, Roots: []*x509.Certificate{cert}, RequireEKU: true,
			RequiredPolicies: []string{"0.4.0.2042.1.2"}, // ETSI EN 319 411-1, NCP+
		}}},
	}
	if _, err := verifier(t, c).Verify(t.Context(), []byte(officialVector), vectorNonce); err != nil {
		t.Fatal(err)
	}
	_, err = verifier(t, c).Verify(t.Context(), []byte(officialVector), vectorNonce[:43]+"4")
	wantReason(t, err, ReasonBadSignature)
	c.Origin = "https://ria.ee:8443"
	_, err = verifier(t, c).Verify(t.Context(), []byte(officialVector), vectorNonce)
	wantReason(t, err, ReasonBadSignature)
	at = time.Date(2026, 7, 10, 0, 0, 0, 0, time.UTC)
	_, err = verifier(t, c).Verify(t.Context(), []byte(officialVector), vectorNonce)
	wantReason(t, err, ReasonExpired)
	if got := base64.StdEncoding.EncodeToString(cert.Raw); got != token.UnverifiedCertificate {
		t.Error("the certificate encodes differently from the token's")
	}
}
