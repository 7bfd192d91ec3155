package cardlogin_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/cardlogin/cardlogintest"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/docs"
)

// documented is the portal of the documents in a folder with its page, both as a developer
// copies them, and a browser that has logged in nowhere.
func documented(t *testing.T) (*cardlogintest.Browser, string) {
	t.Helper()
	blocks, err := docs.Fenced(filepath.Join("..", "docs", "portal-developers.md"), "html")
	if err != nil {
		t.Fatal(err)
	}
	var home string
	for _, block := range blocks {
		if strings.Contains(block, "<script") && strings.Contains(block, "<cpx-login") {
			home = block
			break
		}
	}
	t.Chdir(t.TempDir())
	if err := os.Mkdir("web", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("web/index.html", []byte(home), 0o600); err != nil {
		t.Fatal(err)
	}
	portal, err := newPortal(origin, authority().TrustGroup(), authtoken.RevocationOff)
	if err != nil {
		t.Fatal(err)
	}
	return cardlogintest.NewBrowser(portal, origin), home
}

// TestPageOfTheDocuments: every script of the page is there, and whatever these load.
func TestPageOfTheDocuments(t *testing.T) {
	b, home := documented(t)
	if status, page, err := b.Get("/"); err != nil || status != http.StatusOK || page != home || home == "" {
		t.Fatalf("%d %v %q, want %q", status, err, page, home)
	}
	at, err := url.Parse(origin + "/")
	if err != nil {
		t.Fatal(err)
	}
	loads := regexp.MustCompile(`(?:src=|from ?|import ?\(?)["']((?:/|\./)[^"']+)["']`)
	seen := map[string]bool{}
	var open func(base *url.URL, text string)
	open = func(base *url.URL, text string) {
		for _, found := range loads.FindAllStringSubmatch(text, -1) {
			to, err := base.Parse(found[1])
			if err != nil {
				t.Fatal(err)
			}
			if seen[to.Path] {
				continue
			}
			seen[to.Path] = true
			status, script, err := b.Get(to.Path)
			if err != nil || status != http.StatusOK {
				t.Errorf("%s: %d %v", to.Path, status, err)
			}
			open(to, script)
		}
	}
	open(at, home)
	for _, script := range []string{"button.mjs", "cpx-bridge.mjs"} {
		if !seen["/static/cpx-bridge/"+script] {
			t.Errorf("the page does not load %s, but %v", script, seen)
		}
	}
}

// TestLogoutOfTheDocuments: the page of whoever is logged in is whole, and its form logs out.
func TestLogoutOfTheDocuments(t *testing.T) {
	b, home := documented(t)
	loggedIn(t, b, newCard(t, "CPS", 1))
	status, page, err := b.Get("/espace")
	if err != nil || status != http.StatusOK || !strings.Contains(page, "</form>") {
		t.Fatalf("%d %v %s", status, err, page)
	}
	card := regexp.MustCompile(`name="card" value="([0-9a-f]{64})"`).FindStringSubmatch(page)
	if card == nil {
		t.Fatal(page)
	}
	if _, _, err := b.Post("/auth/logout", url.Values{"card": {strings.Repeat("0", 64)}}); err != nil {
		t.Fatal(err)
	}
	if _, page, err := b.Get("/espace"); err != nil || !strings.Contains(page, "TEST-CPS0001") {
		t.Errorf("another card's page logged out: %v %s", err, page)
	}
	if _, _, err := b.Post("/auth/logout", url.Values{"card": {card[1]}}); err != nil {
		t.Fatal(err)
	}
	if _, page, err := b.Get("/espace"); err != nil || page != home {
		t.Errorf("still logged in: %v %s", err, page)
	}
}
