package portal

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestFilesLast: what a page loads is under an address that lasts, so that the page after it
// asks for none of it again. Under that of another version, as of a page that was open during
// an upgrade, the present file is answered, and not kept.
func TestFilesLast(t *testing.T) {
	b, _ := loggedIn(t, newSite(t))
	for _, path := range []string{"/assistance", pathSpace, pathSelfTest} {
		found := regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`).FindAllStringSubmatch(b.get(path).raw, -1)
		if len(found) < 4 {
			t.Errorf("%s loads %v", path, found)
		}
		for _, m := range found {
			if a := b.get(m[1]); a.StatusCode != http.StatusOK || !strings.HasSuffix(a.Header.Get("Cache-Control"), "immutable") {
				t.Errorf("%s: %d %s", m[1], a.StatusCode, a.Header.Get("Cache-Control"))
			}
			older := regexp.MustCompile(`/v-[^/]+/`).ReplaceAllString(m[1], "/v-TEST/")
			if a := b.get(older); older == m[1] || a.StatusCode != http.StatusOK || a.Header.Get("Cache-Control") != "no-cache" {
				t.Errorf("%s: %d %s", older, a.StatusCode, a.Header.Get("Cache-Control"))
			}
		}
	}
	for _, path := range []string{"/static/v-TEST", "/static/v-TEST/", "/static/v-TEST/js", "/static/v-TEST/js/", "/static/v-TEST/none.mjs", "/static/v-TEST/v-TEST/page.mjs"} {
		b.shows(b.get(path), http.StatusNotFound, "Page introuvable")
	}
}
