package cardlogintest_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/cardlogin"
	"github.com/cpx-bridge/cpx-bridge/cardlogin/cardlogintest"
)

const origin = "https://portail.example.fr"

// TestKinds: a kind that was mistyped makes no card.
func TestKinds(t *testing.T) {
	authority, err := cardlogintest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	for _, make := range []func(string, int) (*cardlogintest.Card, error){authority.Card, authority.Expired} {
		for _, kind := range []string{"CSP", "cps", ""} {
			if card, err := make(kind, 1); card != nil || err == nil || !strings.Contains(err.Error(), "CPS, CPF, CPE and CPA") {
				t.Errorf("%q: %v %v", kind, card, err)
			}
		}
		for _, kind := range []string{"CPS", "CPF", "CPE", "CPA"} {
			if _, err := make(kind, 1); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestWrongPath: where something else answers, the error names what was asked for, and the path.
func TestWrongPath(t *testing.T) {
	authority, err := cardlogintest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := authority.Verifier(origin)
	if err != nil {
		t.Fatal(err)
	}
	cards, err := cardlogin.New(cardlogin.Options{Verifier: verifier, Rules: authority.Rules()})
	if err != nil {
		t.Fatal(err)
	}
	page := http.NewServeMux()
	page.Handle("/auth/", cards)
	page.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<!doctype html>")) })
	alone := http.NewServeMux()
	alone.Handle("/auth/", cards)
	for name, c := range map[string]struct {
		portal http.Handler
		path   string
		status int
	}{
		"not found":        {alone, "/login/", http.StatusNotFound},
		"of the handler's": {alone, "/auth/card/", http.StatusNotFound},
		"a page":           {page, "/login/", 0},
	} {
		browser := cardlogintest.NewBrowser(c.portal, origin)
		browser.Path = c.path
		_, err := browser.Challenge()
		refused, is := errors.AsType[*cardlogintest.Refused](err)
		if err == nil || is != (c.status != 0) || is && refused.Status != c.status ||
			!strings.Contains(err.Error(), "GET "+origin+c.path+"challenge") || !strings.Contains(err.Error(), "Browser.Path") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
