package portal

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
)

// report is what the self-test's page gets.
type report struct {
	Fit                bool
	Reason, Reference  string
	ValidFrom, ValidTo time.Time
	Kind, Revocation   string
	Now                time.Time
}

// selfTested sends the token of a card to the self-test, and returns what it says.
func (b *browser) selfTested(token []byte) (answer, report) {
	b.t.Helper()
	a := b.do("POST", "/auth/selftest", "application/json", strings.NewReader(`{"auth-token":`+string(token)+`}`))
	var said report
	if a.StatusCode == http.StatusOK {
		if err := json.Unmarshal([]byte(a.raw), &said); err != nil {
			b.t.Fatal(err)
		}
	}
	return a, said
}

// personal is what of a card is somebody's.
func personal(c testCard) []string {
	list := []string{c.cert.Subject.CommonName, c.cert.SerialNumber.String(), c.cert.SerialNumber.Text(16), base64.StdEncoding.EncodeToString(c.cert.Raw)[:200]}
	for _, a := range c.cert.Subject.Names {
		if v, text := a.Value.(string); text && len(v) > 2 && v != "FR" {
			list = append(list, v)
		}
	}
	return list
}

// A token of a good card is said to be good, with the certificate's dates, whoever sends
// it: no session begins or ends, nothing of the card is stored, named or logged, and the
// token is good for nothing more.
func TestSelfTest(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	c := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	before := s.rows(t)
	token := c.token(t, s.origin, b.challenge())
	a, said := b.selfTested(token)
	want := report{Fit: true, ValidFrom: c.cert.NotBefore.UTC(), ValidTo: c.cert.NotAfter.UTC(), Kind: "CPS", Revocation: "off", Now: s.clock.now().UTC().Truncate(time.Second)}
	if said != want {
		t.Errorf("%+v, want %+v", said, want)
	}
	for _, cookie := range a.Cookies() {
		if !strings.HasPrefix(cookie.Name, "cpx-challenge-") || cookie.MaxAge >= 0 {
			t.Errorf("the answer sets %v", cookie)
		}
	}
	for what, n := range s.rows(t) {
		if n != before[what] && what != "used_nonces" && what != "challenge_keys" {
			t.Errorf("%s: %d rows, before %d", what, n, before[what])
		}
	}
	for _, text := range personal(c) {
		if strings.Contains(a.raw, text) || strings.Contains(s.log.String(), text) {
			t.Errorf("answer or log hold %q\n%s\n%s", text, a.raw, s.log)
		}
	}
	if _, reason := outcome(t, b.send(token)); reason != "no_session" {
		t.Errorf("the token logs in after its self-test: %q", reason)
	}
	if a, _ := b.selfTested(token); a.StatusCode != http.StatusForbidden {
		t.Errorf("the token was good twice: %d %s", a.StatusCode, a.raw)
	}
}

// Who is logged in stays so, and is not logged in as the card's holder.
func TestSelfTestWithASession(t *testing.T) {
	s := newSite(t)
	b, _ := loggedIn(t, s)
	cookie := b.cookie().Value
	other := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 2))
	if _, said := b.selfTested(other.token(t, s.origin, b.challenge())); !said.Fit {
		t.Fatalf("%+v", said)
	}
	if b.cookie().Value != cookie {
		t.Error("the session was replaced")
	}
	b.shows(b.get(pathSpace), http.StatusOK, "Dr TEST Testeur")
}

// What the certificate lacks is said with its dates; a token that is bad in another way is
// a problem, as at a login.
func TestSelfTestRefuses(t *testing.T) {
	s := newSite(t)
	other, err := demopki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for reason, c := range map[string]testCard{
		"expired":       issueAt(t, pki().Intermediate, demopki.Leaf{Holder: demopki.NewHolder("CPS", 3), NotBefore: now.AddDate(-3, 0, 0), NotAfter: now.AddDate(0, 0, -3)}),
		"not_yet_valid": issueAt(t, pki().Intermediate, demopki.Leaf{Holder: demopki.NewHolder("CPS", 4), NotBefore: now.AddDate(0, 0, 3), NotAfter: now.AddDate(3, 0, 0)}),
		"untrusted_ca":  issue(t, other.Intermediate, demopki.NewHolder("CPS", 5)),
	} {
		b := s.browser(t)
		a, said := b.selfTested(c.token(t, s.origin, b.challenge()))
		if a.StatusCode != http.StatusOK || said.Fit || said.Reason != reason || !said.ValidTo.Equal(c.cert.NotAfter) || said.Kind != "" || !reference.Is(said.Reference) || strings.Count(s.log.String(), said.Reference) != 1 || said.Revocation != "" {
			t.Errorf("%s: %d %s", reason, a.StatusCode, a.raw)
		}
		for _, text := range personal(c) {
			if strings.Contains(a.raw, text) || strings.Contains(s.log.String(), text) {
				t.Errorf("%s: answer or log hold %q", reason, text)
			}
		}
	}
	b := s.browser(t)
	c := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 6))
	for what, token := range map[string][]byte{"bad_signature": c.token(t, "https://autre.test", b.challenge()), "malformed_token": []byte(`{}`)} {
		if _, reason := outcome(t, b.do("POST", "/auth/selftest", "application/json", strings.NewReader(`{"auth-token":`+string(token)+`}`))); reason != what {
			t.Errorf("%s, want %s", reason, what)
		}
	}
	b.header.Set("Sec-Fetch-Site", "cross-site")
	if _, reason := outcome(t, b.do("POST", "/auth/selftest", "application/json", strings.NewReader(`{}`))); reason != "cross_origin" {
		t.Error(reason)
	}
}

// The page needs no account, has no script of its own and the site's policy.
func TestSelfTestPage(t *testing.T) {
	s := newSite(t)
	for lang, title := range map[string]string{french: "Tester ce poste", english: "Test this workstation"} {
		b := s.browser(t)
		b.header.Set("Accept-Language", lang)
		page := b.get(pathSelfTest)
		b.shows(page, http.StatusOK, title, "support@portail-test.invalid")
		if policy := page.Header.Get("Content-Security-Policy"); policy != csp {
			t.Errorf("the page's policy is %s", policy)
		}
		if strings.Contains(page.raw, "<script>") || strings.Contains(page.raw, "style=") {
			t.Error("the page has script or style of its own")
		}
		if a := b.get("/"); !strings.Contains(a.raw, `<p id="test-workstation" hidden><a href="/poste">`+title) {
			t.Errorf("the home page has no link for a login that failed:\n%s", a.raw)
		}
	}
	u, err := url.Parse(s.origin)
	if err != nil {
		t.Fatal(err)
	}
	b := s.browser(t)
	b.get(pathSelfTest)
	if set := b.client.Jar.Cookies(u); len(set) > 0 {
		t.Errorf("the page sets %v", set)
	}
}
