package portal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/authtoken/challenge"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

func TestNonces(t *testing.T) {
	s := newSite(t)
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	refused := func(t *testing.T, b *browser, token []byte, want string) {
		t.Helper()
		if next, reason := outcome(t, b.send(token)); reason != want {
			t.Errorf("%q %q, want %s", next, reason, want)
		}
		b.loggedOut()
	}
	t.Run("replayed", func(t *testing.T) {
		b := s.browser(t)
		token := card.token(t, s.origin, b.challenge())
		if next, _ := outcome(t, b.send(token)); next != pathFirst {
			t.Fatal(next)
		}
		refused(t, b, token, "challenge_expired")
	})
	t.Run("good until a card used it", func(t *testing.T) { // what is refused is stored nowhere
		b := s.browser(t)
		nonce := b.challenge()
		refused(t, b, card.token(t, "https://autre.test", nonce), "bad_signature")
		if next, reason := outcome(t, b.send(card.token(t, s.origin, nonce))); next != pathFirst {
			t.Errorf("%q %q", next, reason)
		}
	})
	t.Run("of another browser", func(t *testing.T) {
		b, other := s.browser(t), s.browser(t)
		nonce := other.challenge()
		refused(t, b, card.token(t, s.origin, nonce), "no_session")
		b.challenge()
		refused(t, b, card.token(t, s.origin, nonce), "bad_signature") // not one of its own
		if next, _ := outcome(t, other.send(card.token(t, s.origin, nonce))); next != pathFirst {
			t.Error("the browser that the nonce belongs to lost it")
		}
	})
	t.Run("of nobody", func(t *testing.T) {
		b := s.browser(t)
		b.challenge()
		refused(t, b, card.token(t, s.origin, authtoken.NewNonce()), "bad_signature")
	})
	t.Run("expired", func(t *testing.T) {
		b := s.browser(t)
		nonce := b.challenge()
		s.clock.pass(challenge.Lifetime)
		a := b.send(card.token(t, s.origin, nonce))
		if _, reason := outcome(t, a); reason != "challenge_expired" || !strings.Contains(a.raw, "La demande d’identification a expiré. Recommencez.") {
			t.Errorf("%s", a.raw)
		}
		renewed := b.challenge()
		s.clock.pass(challenge.Lifetime - time.Second)
		if next, reason := outcome(t, b.send(card.token(t, s.origin, renewed))); next != pathFirst {
			t.Errorf("within its lifetime: %q %q", next, reason)
		}
	})
	t.Run("a bounded number", func(t *testing.T) {
		b := s.browser(t)
		first := b.challenge()
		for range challenge.Open {
			s.clock.pass(time.Second)
			b.challenge()
		}
		if n := len(b.challenges()); n != challenge.Open+1 { // one says that another was taken back
			t.Errorf("%d challenges in a browser", n)
		}
		refused(t, b, card.token(t, s.origin, first), "challenge_expired")
	})
}

// One token sent many times at once logs in once.
func TestNonceLogsInOnce(t *testing.T) {
	s := newSite(t)
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	b := s.browser(t)
	token := card.token(t, s.origin, b.challenge())
	cookie := b.challenges()[0].String()
	var wg sync.WaitGroup
	var mu sync.Mutex
	good := 0
	for range 8 {
		wg.Go(func() {
			request, err := http.NewRequestWithContext(t.Context(), "POST", s.origin+"/auth/login", strings.NewReader(`{"auth-token":`+string(token)+`}`))
			if err != nil {
				t.Error(err)
				return
			}
			request.Header.Set("Cookie", cookie)
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Error(err)
				return
			}
			response.Body.Close()
			mu.Lock()
			defer mu.Unlock()
			if response.StatusCode == http.StatusOK {
				good++
			}
		})
	}
	wg.Wait()
	if good != 1 {
		t.Errorf("%d logins with one nonce", good)
	}
}

// Each reason to refuse a card, with the text that the page receives.
func TestRefusedCards(t *testing.T) {
	s := newSite(t)
	foreign, err := demopki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	holder := demopki.NewHolder("CPS", 1)
	now := time.Now()
	for want, c := range map[string]struct {
		card   testCard
		detail string
	}{
		"untrusted_ca":    {issue(t, foreign.Intermediate, holder), "Cette carte n’est pas émise par une autorité que ce site reconnaît."},
		"expired":         {issueAt(t, pki().Intermediate, demopki.Leaf{Holder: holder, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-time.Hour)}), "Le certificat de cette carte a expiré."},
		"not_yet_valid":   {issueAt(t, pki().Intermediate, demopki.Leaf{Holder: holder, NotBefore: now.Add(time.Hour), NotAfter: now.Add(48 * time.Hour)}), "n’est pas encore valide"},
		"refused_policy":  {issueAt(t, pki().Intermediate, demopki.Leaf{Holder: holder, Usage: demopki.Technical}), "ne permet pas de s’identifier"},
		"wrong_key_usage": {issueAt(t, pki().Intermediate, demopki.Leaf{Holder: holder, Usage: demopki.Signature}), "La carte n’a pas pu être vérifiée."},
	} {
		t.Run(want, func(t *testing.T) {
			b := s.browser(t)
			a := b.send(c.card.token(t, s.origin, b.challenge()))
			if _, reason := outcome(t, a); reason != want || a.StatusCode != http.StatusForbidden || !strings.Contains(a.raw, c.detail) {
				t.Errorf("%d %s", a.StatusCode, a.raw)
			}
			b.loggedOut()
			english := s.browser(t)
			english.header.Set("Accept-Language", "en-GB,en;q=0.9")
			other := english.send(c.card.token(t, s.origin, english.challenge()))
			if _, reason := outcome(t, other); reason != want || strings.Contains(other.raw, c.detail) {
				t.Errorf("in English: %s", other.raw)
			}
		})
	}
}

func TestTamperedToken(t *testing.T) {
	s := newSite(t)
	mine, theirs := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1)), issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2))
	for name, change := range map[string]func(*authtoken.Token){
		"certificate of another": func(tok *authtoken.Token) {
			tok.UnverifiedCertificate = base64.StdEncoding.EncodeToString(theirs.cert.Raw)
		},
		"signature bent": func(tok *authtoken.Token) {
			raw, _ := base64.StdEncoding.DecodeString(tok.Signature)
			raw[0] ^= 1
			tok.Signature = base64.StdEncoding.EncodeToString(raw)
		},
		"another format": func(tok *authtoken.Token) { tok.Format = "web-eid:9.0" },
		"no algorithm":   func(tok *authtoken.Token) { tok.Algorithm = "none" },
	} {
		t.Run(name, func(t *testing.T) {
			b := s.browser(t)
			var tok authtoken.Token
			if err := json.Unmarshal(mine.token(t, s.origin, b.challenge()), &tok); err != nil {
				t.Fatal(err)
			}
			change(&tok)
			raw, err := json.Marshal(tok)
			if err != nil {
				t.Fatal(err)
			}
			if next, reason := outcome(t, b.send(raw)); next != "" || reason == "" {
				t.Errorf("%q %q", next, reason)
			}
			b.loggedOut()
		})
	}
}

func TestMalformedLogin(t *testing.T) {
	s := newSite(t)
	big := bytes.Repeat([]byte("x"), authtoken.MaxTokenSize+2048)
	for name, c := range map[string]struct{ body, reason string }{
		"empty":           {"", "malformed_request"},
		"no JSON":         {"<html>", "malformed_request"},
		"cut short":       {`{"auth-token":{"format":`, "malformed_request"},
		"another member":  {`{"token":{}}`, "malformed_request"},
		"too long":        {`{"auth-token":"` + string(big) + `"}`, "malformed_request"},
		"no object":       {`{"auth-token":"x"}`, "malformed_token"},
		"no format":       {`{"auth-token":{}}`, "malformed_token"},
		"a member twice":  {`{"auth-token":{"format":"web-eid:1.0","format":"web-eid:1.0"}}`, "malformed_request"},
		"two tokens":      {`{"auth-token":"x","auth-token":{}}`, "malformed_request"},
		"another case":    {`{"Auth-Token":{}}`, "malformed_request"},
		"no certificate":  {`{"auth-token":{"format":"web-eid:1.0","algorithm":"ES256","signature":"AAAA","unverifiedCertificate":""}}`, "malformed_certificate"},
		"deep":            {`{"auth-token":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, "malformed_request"},
		"null":            {`{"auth-token":null}`, "malformed_token"},
		"null for a body": {`null`, "malformed_request"},
	} {
		t.Run(name, func(t *testing.T) {
			b := s.browser(t)
			b.challenge()
			a := b.do("POST", "/auth/login", "application/json", strings.NewReader(c.body))
			if next, reason := outcome(t, a); reason != c.reason || a.StatusCode < 400 || a.StatusCode >= 500 {
				t.Errorf("%d %q %q, want %s", a.StatusCode, next, reason, c.reason)
			}
			b.loggedOut()
		})
	}
}

// Whatever is asked for under /auth/, the page's script gets a problem.
func TestProblemsUnderAuth(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	for request, want := range map[string]string{
		"GET /auth/login": "method_not_allowed", "PUT /auth/login": "method_not_allowed", "DELETE /auth/challenge": "method_not_allowed",
		"GET /auth/selftest": "method_not_allowed", "GET /auth/": "not_found", "POST /auth/other": "not_found", "POST /auth/logout": "not_found",
	} {
		method, path, _ := strings.Cut(request, " ")
		a := b.do(method, path, "application/json", strings.NewReader("{}"))
		if _, reason := outcome(t, a); reason != want || a.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(a.raw, `"detail"`) {
			t.Errorf("%s: %d %s", request, a.StatusCode, a.raw)
		}
	}
	for body, status := range map[string]int{`{}`: 400, `{"auth-token":{}}`: 400, `{"auth-token":"` + strings.Repeat("x", authtoken.MaxEnvelopeSize) + `"}`: 413} {
		b.challenge()
		if a := b.do("POST", "/auth/login", "application/json", strings.NewReader(body)); a.StatusCode != status {
			t.Errorf("%.30s: %d %s", body, a.StatusCode, a.raw)
		}
	}
}

// A login in a browser where someone else is logged in ends that session: the
// card says who sits there now.
func TestLoginReplacesTheSession(t *testing.T) {
	s := newSite(t)
	s.account(t, "autre", "Mme TEST Autre")
	mine, theirs := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1)), issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2))
	s.browser(t).attach(mine, testName)
	s.browser(t).attach(theirs, "autre")
	b := s.browser(t)
	b.entered(mine, "Dr TEST Testeur")
	before := b.cookie()
	b.entered(theirs, "Mme TEST Autre")
	if strings.Contains(b.get(pathSpace).text, "Dr TEST Testeur") {
		t.Error("the first person is still logged in")
	}
	old := s.browser(t)
	old.header.Set("Cookie", before.String())
	old.loggedOut()
}
