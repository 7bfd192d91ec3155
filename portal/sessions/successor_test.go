package sessions

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// The identifier of the session that follows comes from the old one and the salt, and from
// neither alone.
func TestSuccessor(t *testing.T) {
	s := New(Options{})
	of := func(old, salt string) string {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.AddCookie(&http.Cookie{Name: s.CookieName(), Value: old})
		return s.successor(r, []byte(salt))
	}
	seen := map[string]bool{of("a", "1"): true, of("a", "2"): true, of("b", "1"): true, of("b", ""): true}
	if len(seen) != 4 || !seen[of("a", "1")] || len(of("a", "1")) != 43 {
		t.Errorf("%v", seen)
	}
}
