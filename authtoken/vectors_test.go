package authtoken

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// vectors are testdata/vectors/vectors.json, whose README.md says what its members are.
type vectors struct {
	Certificates map[string]string `json:"certificates"`
	Vectors      []vector          `json:"vectors"`
}

type vector struct {
	Name, Kind, About, Outcome, Reason   string
	OfficialAccepts                      map[string]string
	Origin, Nonce                        string
	Time                                 time.Time
	Token, TokenBase64, Body, BodyBase64 string
	Trust                                struct {
		Roots, Intermediates              []string
		TestGroup, AcceptTestCards        bool
		RequiredPolicies, RefusedPolicies []string
		RequireExtendedKeyUsage           bool
		StrictPolicies                    bool
		MinRSABits                        int
		Algorithms                        []Algorithm
		Revoked, RevocationUnknown        []string
	}
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "vectors", "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all vectors
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func (all vectors) certs(t *testing.T, names []string) (list []*x509.Certificate) {
	t.Helper()
	for _, name := range names {
		der, err := base64.StdEncoding.DecodeString(all.Certificates[name])
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatalf("certificate %s: %v", name, err)
		}
		list = append(list, cert)
	}
	return list
}

// bySerial answers as a vector has it.
type bySerial struct{ revoked, unknown []string }

func (r bySerial) Check(_ context.Context, chain []*x509.Certificate, _ time.Time) error {
	for _, c := range chain[:len(chain)-1] {
		switch serial := c.SerialNumber.Text(16); {
		case slices.Contains(r.revoked, serial):
			return ErrRevoked
		case slices.Contains(r.unknown, serial):
			return errors.New("no list")
		}
	}
	return nil
}

// config is the site of a vector.
func (v vector) config(t *testing.T, all vectors) Config {
	return Config{
		Origin: v.Origin, Now: func() time.Time { return v.Time }, Logger: slog.New(slog.DiscardHandler),
		Revocation: bySerial{v.Trust.Revoked, v.Trust.RevocationUnknown},
		Profile: Profile{
			AllowTestCards: v.Trust.AcceptTestCards, Algorithms: v.Trust.Algorithms,
			TrustGroups: []TrustGroup{{
				Name: "vector", Test: v.Trust.TestGroup, Roots: all.certs(t, v.Trust.Roots), Intermediates: all.certs(t, v.Trust.Intermediates),
				RequiredPolicies: v.Trust.RequiredPolicies, RefusedPolicies: v.Trust.RefusedPolicies,
				StrictPolicies: v.Trust.StrictPolicies, RequireEKU: v.Trust.RequireExtendedKeyUsage, MinRSABits: v.Trust.MinRSABits,
			}},
		},
	}
}

// posted is the body, and the token where that alone is tried.
func (v vector) posted(t *testing.T) (token, body []byte) {
	t.Helper()
	decode := func(text, base64Text string) []byte {
		if base64Text == "" {
			return []byte(text)
		}
		b, err := base64.StdEncoding.DecodeString(base64Text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return decode(v.Token, v.TokenBase64), decode(v.Body, v.BodyBase64)
}

// outcome verifies a vector as a site would to which another card came before, with a
// good token.
func (v vector) outcome(t *testing.T, good string, config Config) error {
	t.Helper()
	verifier, err := NewVerifier(config)
	if err != nil {
		return err
	}
	token, body := v.posted(t)
	if len(body) > 0 {
		if token, err = ParseEnvelope(body); err != nil {
			return err
		}
	}
	// The issuer may be known by then.
	if _, err := verifier.Verify(t.Context(), []byte(good), v.Nonce); reasonOf(err) == ReasonMalformedToken {
		t.Fatal(err)
	}
	_, err = verifier.Verify(t.Context(), token, v.Nonce)
	if _, second := verifier.Verify(t.Context(), token, v.Nonce); reasonOf(second) != reasonOf(err) {
		t.Errorf("%v, and the second time %v", err, second)
	}
	return err
}

// TestVectors: each vector has its outcome, and there is one for each reason. The file is
// frozen: it is read here, and never made anew.
func TestVectors(t *testing.T) {
	all := readVectors(t)
	seen, names := map[Reason]int{}, map[string]bool{}
	good := all.Vectors[slices.IndexFunc(all.Vectors, func(v vector) bool { return v.Name == "good/ES256" })].Token
	for _, v := range all.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			want := Reason(v.Reason)
			if accepted := v.Outcome == "accepted"; accepted != (want == "") || !accepted && v.Outcome != "refused" || names[v.Name] || !strings.HasPrefix(v.Name, v.Kind+"/") {
				t.Errorf("outcome %q with reason %q, name %q", v.Outcome, want, v.Name)
			}
			names[v.Name] = true
			config := v.config(t, all)
			err := v.outcome(t, good, config)
			if got := reasonOf(err); got != want || (err == nil) != (want == "") {
				t.Errorf("%v, want %q: %s", err, want, v.About)
			}
			if e := (*Error)(nil); errors.As(err, &e) {
				checkType(t, e)
			}
			config.VerifyIssuersEachTime = true
			if whole := v.outcome(t, good, config); reasonOf(whole) != reasonOf(err) {
				t.Errorf("%v, and by the whole chain %v", err, whole)
			}
		})
		seen[Reason(v.Reason)]++
	}
	for _, reason := range append(reasonsInOrder(t), "") {
		if seen[reason] == 0 {
			t.Errorf("no vector ends as %q", reason)
		}
	}
	if len(all.Vectors) < 200 {
		t.Errorf("%d vectors", len(all.Vectors))
	}
}
