package authtoken_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

const origin = "https://portail.example.fr"

// card is what a demonstration card holds: a certificate with its authorities, and
// the key.
type card struct {
	pki  *demopki.PKI
	cert *x509.Certificate
	key  *rsa.PrivateKey
}

func newCard() card {
	now := time.Now()
	pki, err := demopki.New(now)
	if err != nil {
		log.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	cert, err := pki.Intermediate.Issue(demopki.Leaf{
		Holder: demopki.NewHolder("CPS", 1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), PublicKey: key.Public(),
	})
	if err != nil {
		log.Fatal(err)
	}
	return card{pki, cert, key}
}

// token does what the agent does with a card: it signs the origin that the browser
// states and the site's nonce.
func (c card) token(origin, nonce string) []byte {
	message, err := authtoken.Message("RS256", origin, nonce)
	if err != nil {
		log.Fatal(err)
	}
	digest := sha256.Sum256(message)
	signature, err := rsa.SignPKCS1v15(rand.Reader, c.key, crypto.SHA256, digest[:])
	if err != nil {
		log.Fatal(err)
	}
	token, err := authtoken.New(c.cert, "RS256", signature, "https://example.org/agent/1.0")
	if err != nil {
		log.Fatal(err)
	}
	text, err := json.Marshal(token)
	if err != nil {
		log.Fatal(err)
	}
	return text
}

// verifier accepts the cards of one test authority. A site for real cards names a
// group that is not Test, and a Revocation that checks.
func verifier(c card) *authtoken.Verifier {
	v, err := authtoken.NewVerifier(authtoken.Config{
		Origin:     origin,
		Revocation: authtoken.RevocationOff,
		Profile: authtoken.Profile{AllowTestCards: true, TrustGroups: []authtoken.TrustGroup{{
			Name: "demonstration", Test: true, RequireEKU: true,
			Roots: []*x509.Certificate{c.pki.Root.Cert}, Intermediates: []*x509.Certificate{c.pki.Intermediate.Cert},
		}}},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// A login: the site makes a nonce, the agent signs it with the card, and the site
// verifies the token.
func Example() {
	card := newCard()
	verifier := verifier(card) // once, when the site starts

	nonce := authtoken.NewNonce() // into the session
	token := card.token(origin, nonce)

	result, err := verifier.Verify(context.Background(), token, nonce) // out of the session
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Certificate.Subject.CommonName, result.Group, result.Test)
	// Output:
	// 899700070016 demonstration true
}

// A refusal says why. The reason may be sent to the page; the error is for the log.
func ExampleVerifier_Verify_refused() {
	card := newCard()
	verifier := verifier(card)

	nonce := authtoken.NewNonce()
	for _, token := range [][]byte{
		card.token(origin, authtoken.NewNonce()),             // of another login
		card.token("https://portail.example.invalid", nonce), // made for another site
		bytes.Replace(card.token(origin, nonce), []byte("web-eid:1.0"), []byte("web-eid:9.0"), 1),
	} {
		_, err := verifier.Verify(context.Background(), token, nonce)
		if refusal, ok := errors.AsType[*authtoken.Error](err); ok {
			fmt.Println(refusal.Reason)
		}
	}
	// Output:
	// bad_signature
	// bad_signature
	// unsupported_format
}

// Plain http is for development only, on this machine only.
func ExampleCheckOrigin() {
	for _, origin := range []string{"https://portail.example.fr", "https://portail.example.fr/", "http://portail.example.fr", "http://localhost:8080"} {
		fmt.Println(origin, authtoken.CheckOrigin(origin) == nil, authtoken.IsLoopbackHTTP(origin))
	}
	// Output:
	// https://portail.example.fr true false
	// https://portail.example.fr/ false false
	// http://portail.example.fr false false
	// http://localhost:8080 true true
}
