package portal

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/badcerts"
)

// A certificate that issuers make and the parser refuses is refused, and the person
// and the log are told whose fault it is. What is no certificate at all is another.
func TestUnreadableCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	bad, err := badcerts.All(pki().Intermediate, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	says := map[string]string{"fr": "Signalez-le à l’organisme qui délivre la carte.", "en": "Tell the body that issues the card."}
	s := newSite(t)
	for _, c := range append(bad, badcerts.Case{Name: "cut off", DER: bad[0].DER[:200]}) {
		for lang, advice := range says {
			b := s.browser(t)
			b.header.Set("Accept-Language", lang)
			b.challenge()
			s.log.Reset()
			body := fmt.Sprintf(`{"auth-token":{"format":"web-eid:1.0","algorithm":"ES256","signature":"AAAA","unverifiedCertificate":%q}}`, base64.StdEncoding.EncodeToString(c.DER))
			a := b.do("POST", "/auth/login", "application/json", strings.NewReader(body))
			want, issuer := "unreadable_certificate", true
			if c.Holder == "" {
				want, issuer = "malformed_certificate", false
			}
			if _, reason := outcome(t, a); reason != want || a.StatusCode != 403 || strings.Contains(a.raw, advice) != issuer {
				t.Errorf("%s: %d %s", c.Name, a.StatusCode, a.raw)
			}
			_, why := x509.ParseCertificate(c.DER)
			if log := strings.ReplaceAll(s.log.String(), `\"`, `"`); !strings.Contains(log, why.Error()) && !strings.Contains(log, strings.ReplaceAll(why.Error(), `"`, `\"`)) {
				t.Errorf("%s: %v is not in the log: %s", c.Name, why, log)
			}
			b.loggedOut()
		}
	}
}
