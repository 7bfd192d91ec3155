package attack

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
)

func line10() []Attack {
	return []Attack{{Line: 10, Title: "a page chooses what the card signs", Short: true, Play: chosenMessages}}
}

// chosenMessages asks for signatures over what a page chooses.
func chosenMessages(w *World, r *Record) error {
	p, _, err := w.Dial(w.Origin, nil)
	if err != nil {
		return err
	}
	defer p.Socket.Close()
	refused := func(method string, params any, what string, code int) error {
		before := len(w.Dialogs())
		a, err := p.Call(method, params)
		if err != nil {
			return err
		}
		got := 0
		if a.Error != nil {
			got = a.Error.Code
		}
		r.Check(got == code && len(a.Result) == 0 && len(w.Dialogs()) == before, what, "%d, without a dialog", got)
		return nil
	}
	for _, method := range []string{"sign", "signDigest", "C_Sign", "authenticate ", "Authenticate", "getSigningCertificate"} {
		if err := refused(method, map[string]any{"hash": strings.Repeat("00", 32), "challengeNonce": Nonce()}, "the method "+method, -32601); err != nil {
			return err
		}
	}
	for what, nonce := range map[string]any{
		"a digest of 32 bytes": "0123456789abcdef0123456789abcdef", "a nonce too long": strings.Repeat("A", 129), "a nonce with a NUL": strings.Repeat("A", 43) + "\x00",
		"a nonce with a line end": strings.Repeat("A", 43) + "\n", "a nonce of other letters": strings.Repeat("é", 44), "no nonce": nil, "a number": 42,
		"a list": []string{Nonce()},
	} {
		if err := refused("authenticate", map[string]any{"challengeNonce": nonce, "origin": "https://autre.example"}, what, -32602); err != nil {
			return err
		}
	}
	// A nonce that reads like a digest in an ASN.1 structure is signed as a nonce alone, and
	// over this page's origin whatever else the page says.
	nonce := base64.StdEncoding.EncodeToString(append([]byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}, make([]byte, 32)...))
	a, err := p.Call("authenticate", map[string]any{"challengeNonce": nonce, "origin": "https://autre.example", "message": "x", "lang": "fr"})
	if err != nil || a.Error != nil {
		return fmt.Errorf("no token: %+v %w", a.Error, err)
	}
	for what, origin := range map[string]string{"this page's origin": w.Origin, "the origin that it states": "https://autre.example"} {
		err := w.verifies(a.Result, origin, nonce)
		r.Check((err == nil) == (origin == w.Origin), "the signature over "+what+" and the nonce", "%v", err)
	}
	return nil
}

// verifies has the portal's verifier verify a token as that site.
func (w *World) verifies(token []byte, origin, nonce string) error {
	config, err := w.verifier(origin)
	if err != nil {
		return err
	}
	v, err := authtoken.NewVerifier(config)
	if err != nil {
		return err
	}
	_, err = v.Verify(w.Context, token, nonce)
	return err
}

// verifier trusts the demonstration's cards.
func (w *World) verifier(origin string) (authtoken.Config, error) {
	pki, err := w.pki()
	if err != nil {
		return authtoken.Config{}, err
	}
	return authtoken.Config{
		Origin: origin, AllowLoopbackHTTP: true, Revocation: authtoken.RevocationOff, Logger: quiet,
		Profile: authtoken.Profile{AllowTestCards: true, TrustGroups: []authtoken.TrustGroup{{Name: "test", Test: true, Roots: pki[:1], Intermediates: pki[1:]}}},
	}, nil
}

var quiet = slog.New(slog.DiscardHandler)

// pki is the demonstration's root and its issuer.
func (w *World) pki() ([]*x509.Certificate, error) {
	pki, err := democard.OpenPKI(w.Path("card/ca"), time.Now())
	if err != nil {
		return nil, err
	}
	return []*x509.Certificate{pki.Root.Cert, pki.Intermediate.Cert}, nil
}
