package portal

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// No form works from another site, whatever headers the browser sends.
func TestFormsOfOtherSites(t *testing.T) {
	s := newSite(t)
	b, card := loggedIn(t, s)
	id := cardIDs(t, b.get(pathSpace))[0]
	for name, header := range map[string]http.Header{
		"cross-site":         {"Sec-Fetch-Site": {"cross-site"}},
		"same-site":          {"Sec-Fetch-Site": {"same-site"}},
		"an older browser":   {"Origin": {"https://autre.test"}},
		"an opaque origin":   {"Origin": {"null"}},
		"another port":       {"Origin": {"http://127.0.0.1:1"}},
		"another, both ways": {"Origin": {"https://autre.test"}, "Sec-Fetch-Site": {"cross-site"}},
	} {
		t.Run(name, func(t *testing.T) {
			for key, value := range header {
				b.header[key] = value
				defer b.header.Del(key)
			}
			for _, path := range []string{pathFirst, pathFirst + "/confirmation", pathFirst + "/pas-ma-carte", "/cartes/" + id + "/detacher", "/deconnexion", "/langue"} {
				a := b.post(path, "lang", "en")
				if a.StatusCode != http.StatusForbidden || !strings.Contains(a.text, "Ce formulaire vient d’un autre site") || strings.Contains(a.raw, "data-card") || a.Header.Get("Set-Cookie") != "" {
					t.Errorf("%s: %d %s", path, a.StatusCode, a.raw)
				}
			}
			if _, reason := outcome(t, b.send([]byte(`{}`))); reason != "cross_origin" {
				t.Errorf("/auth/login: %q", reason)
			}
		})
	}
	b.shows(b.get(pathSpace), http.StatusOK, card.cert.Subject.CommonName) // nothing happened
}

// A GET request changes nothing.
func TestGetChangesNothing(t *testing.T) {
	s := newSite(t)
	b, card := loggedIn(t, s)
	id := cardIDs(t, b.get(pathSpace))[0]
	for _, path := range []string{"/deconnexion", "/langue?lang=en", "/auth/login", pathFirst + "/pas-ma-carte", "/cartes/" + id + "/detacher"} {
		b.get(path)
	}
	b.shows(b.get(pathSpace), http.StatusOK, card.cert.Subject.CommonName, "Mon espace")
}

func TestHeaders(t *testing.T) {
	s := newSite(t)
	b, _ := loggedIn(t, s)
	for _, path := range []string{"/", pathSpace, "/assistance", "/rien", pathFirst, "/auth/challenge", "/static/portal.css", "/static/js/cpx-bridge.mjs"} {
		h := b.get(path).Header
		policy := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "base-uri 'none'") {
			t.Errorf("%s: policy %q", path, policy)
		}
		caching := "no-store"
		if strings.HasPrefix(path, "/static/") { // the same for everybody, and asked for again each time
			caching = "no-cache"
		}
		for key, want := range map[string]string{"Cache-Control": caching, "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin", "Access-Control-Allow-Origin": ""} {
			if got := h.Get(key); got != want {
				t.Errorf("%s: %s %q, want %q", path, key, got, want)
			}
		}
	}
}

// Names come from certificates and forms: whatever they hold, the pages show them
// as text.
func TestNamesAreEscaped(t *testing.T) {
	s := newSite(t)
	s.account(t, "<b>x</b>", `"><img src=x onerror=alert(1)>`)
	holder := demopki.NewHolder("CPS", 1)
	holder.Surname, holder.GivenName, holder.Profession = `<script>alert(1)</script>`, `"'><svg onload=alert(1)>`, "<i>TEST</i>"
	b := s.browser(t)
	if next, _ := b.login(issue(t, pki().Intermediate, holder)); next != pathFirst {
		t.Fatal(next)
	}
	pages := []answer{b.get(pathFirst), b.password(`"><script>alert(2)</script>`, "x"), b.mine(pathFirst, "service", `"><script>`, "username", "x", "password", "x")}
	b.redirected(b.password("<b>x</b>", testPassword), pathFirst+"/confirmation")
	pages = append(pages, b.get(pathFirst+"/confirmation"))
	b.redirected(b.confirm(), pathAttached)
	pages = append(pages, b.get(pathSpace), b.get(`/<script>alert(3)</script>`))
	for _, page := range pages {
		for _, bad := range []string{"<script>alert", "<svg onload", "<img src=x", "<i>TEST", "<b>x", `value=""><`} {
			if strings.Contains(page.raw, bad) {
				t.Errorf("%s holds %s", page.Request.URL.Path, bad)
			}
		}
	}
}

// The redirect after a change of language stays on the site.
func TestLanguageSwitch(t *testing.T) {
	s := newSite(t)
	for back, want := range map[string]string{
		pathFirst: pathFirst, "/assistance": "/assistance", "": "/", "https://autre.test/x": "/", "//autre.test": "/",
		`/\autre.test`: "/%5Cautre.test", "///autre.test": "/", "javascript:alert(1)": "/", "/%2f/autre.test": "/",
	} {
		b := s.browser(t)
		a := b.post("/langue", "lang", "en", "back", back)
		location := a.Header.Get("Location")
		if location != want {
			t.Errorf("back to %q leads to %q, want %q", back, location, want)
		}
		b.shows(b.get("/assistance"), http.StatusOK, "Support")
		if got := b.get("/").Header.Get("Content-Language"); got != "en" {
			t.Errorf("language %q after the switch", got)
		}
	}
	for accept, want := range map[string]string{"": "fr", "de": "fr", "en": "en", "de,en;q=0.8": "en", "en-US,fr": "en", "fr-CA,en": "fr", "enx": "fr", "fr;q=0.5,en": "en", "en;q=0": "fr"} {
		b := s.browser(t)
		b.header.Set("Accept-Language", accept)
		if got := b.get("/").Header.Get("Content-Language"); got != want {
			t.Errorf("Accept-Language %q: %s, want %s", accept, got, want)
		}
	}
}
