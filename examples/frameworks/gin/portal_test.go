package gin

import (
	"log"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/cardlogin/cardlogintest"
	"github.com/gin-gonic/gin"
)

const origin = "https://portail.example.fr"

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	os.Exit(m.Run())
}

func newPortal() (http.Handler, *cardlogintest.Card) {
	authority, err := cardlogintest.NewAuthority()
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := authority.Verifier(origin)
	if err != nil {
		log.Fatal(err)
	}
	portal, err := New(verifier, authority.Rules())
	if err != nil {
		log.Fatal(err)
	}
	card, err := authority.Card("CPS", 1)
	if err != nil {
		log.Fatal(err)
	}
	return portal, card
}

func TestLogin(t *testing.T) {
	portal, card := newPortal()
	b := cardlogintest.NewBrowser(portal, origin)
	shows := func(path, want string) {
		t.Helper()
		status, page, err := b.Get(path)
		if err != nil || status != http.StatusOK || !strings.Contains(page, want) {
			t.Errorf("%s: %d %v %s", path, status, err, page)
		}
	}
	shows("/espace", "<cpx-login ")
	shows("/static/cpx-bridge/button.mjs", "cpx-login")
	next, err := b.Login(card)
	if err != nil || next != "/espace" {
		t.Fatal(next, err)
	}
	shows(next, `<p id="who">CAMILLE TEST-CPS0001, CPS</p>`)
	if status, page, err := b.Post("/auth/logout", nil); err != nil || status != http.StatusOK || !strings.Contains(page, "<cpx-login ") {
		t.Errorf("%d %v %s", status, err, page)
	}
	shows("/espace", "<cpx-login ")
	if status, _, err := b.Get("/auth/other"); err != nil || status != http.StatusNotFound {
		t.Error(status, err)
	}
	if status, _, err := cardlogintest.NewBrowser(portal, "https://other.example.fr").Get("/"); err != nil || status != http.StatusMisdirectedRequest {
		t.Error(status, err)
	}
}
