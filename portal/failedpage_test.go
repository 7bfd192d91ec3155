package portal

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// TestFailedPageHasAReference: what failed inside stands in the log alone, under the reference that
// the page asks people to read out.
func TestFailedPageHasAReference(t *testing.T) {
	s := newSite(t)
	for lang, word := range map[string]string{"fr": "Référence", "en": "Reference"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, s.origin+"/espace", nil)
		r.Header.Set("Accept-Language", lang)
		w := httptest.NewRecorder()
		s.failed(w, r, errors.New("the disk is full"))
		found := regexp.MustCompile(word + "\u00a0?: ([0-9A-Z]{6})").FindStringSubmatch(w.Body.String())
		if w.Code != http.StatusInternalServerError || found == nil || strings.Contains(w.Body.String(), "the disk is full") {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if !regexp.MustCompile(`page failed.*reference=` + found[1] + `.*the disk is full`).MatchString(s.log.String()) {
			t.Errorf("the log has no %s\n%s", found[1], s.log)
		}
	}
}
