package attack

import (
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

func line12() []Attack {
	return []Attack{{Line: 12, Title: "parts of a good token are altered", Short: true, Play: tamperedToken}}
}

// tamperedToken alters each part of a token that is good as it is.
func tamperedToken(w *World, r *Record) error {
	card, err := w.card(1)
	if err != nil {
		return err
	}
	other, err := w.card(2)
	if err != nil {
		return err
	}
	member := func(name string, value any) func(map[string]any) { return func(t map[string]any) { t[name] = value } }
	signature := func(change func([]byte) string) func(map[string]any) {
		return func(t map[string]any) {
			raw, _ := base64.StdEncoding.DecodeString(t["signature"].(string))
			t["signature"] = change(raw)
		}
	}
	for _, c := range []struct {
		what, reason string
		change       func(map[string]any)
		text         func(string) string // of the whole token, where not nil
	}{
		{"nothing", "", func(map[string]any) {}, nil},
		{"another person's certificate", "bad_signature", member("unverifiedCertificate", base64.StdEncoding.EncodeToString(other.cert.Raw)), nil},
		{"a certificate bent", "malformed_certificate", member("unverifiedCertificate", base64.StdEncoding.EncodeToString(card.cert.Raw[:len(card.cert.Raw)-9])), nil},
		{"another algorithm", "algorithm_refused", member("algorithm", "none"), nil},
		{"an algorithm of another key", "algorithm_refused", member("algorithm", "RS256"), nil},
		{"a longer digest", "algorithm_refused", member("algorithm", "ES512"), nil},
		{"a later format", "unsupported_format", member("format", "web-eid:2.0"), nil},
		{"a bit of the signature", "bad_signature", signature(func(raw []byte) string { raw[3] ^= 1; return base64.StdEncoding.EncodeToString(raw) }), nil},
		{"the signature in DER", "bad_signature", signature(func(raw []byte) string {
			der, _ := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
			return base64.StdEncoding.EncodeToString(der)
		}), nil},
		{"the signature without padding", "bad_signature", signature(base64.RawStdEncoding.EncodeToString), nil},
		{"the signature for URLs", "bad_signature", signature(func(raw []byte) string {
			raw[0], raw[1], raw[2] = 0xff, 0xff, 0xff
			return base64.URLEncoding.EncodeToString(raw)
		}), nil},
		{"no signature", "bad_signature", member("signature", ""), nil},
		{"a certificate twice", "malformed_request", func(map[string]any) {}, func(text string) string {
			return strings.Replace(text, "{", `{"unverifiedCertificate":"`+base64.StdEncoding.EncodeToString(other.cert.Raw)+`",`, 1)
		}},
	} {
		v := w.visitor()
		challenge, err := v.get("/auth/challenge")
		if err != nil {
			return err
		}
		text, err := card.token(w.Origin, challenge.Nonce)
		if err != nil {
			return err
		}
		var token map[string]any
		if err := json.Unmarshal(text, &token); err != nil {
			return err
		}
		c.change(token)
		if text, err = json.Marshal(token); err != nil {
			return err
		}
		if c.text != nil {
			text = []byte(c.text(string(text)))
		}
		before := w.PortalLog("reason=" + c.reason + " ")
		got, err := v.send(text)
		if err != nil {
			return err
		}
		logged := c.reason == "" || w.PortalLog("reason="+c.reason+" ") == before+1
		r.Check(got.Reason == c.reason && logged, fmt.Sprintf("a token with %s changed", c.what), "%d %s, in the log: %v", got.Status, got.Reason+got.Next, logged)
	}
	return nil
}
