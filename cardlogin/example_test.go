package cardlogin_test

import (
	"fmt"
	"html/template"
	"log"
	"net/http"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/cardlogin"
	"github.com/cpx-bridge/cpx-bridge/cardlogin/cardlogintest"
	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/js"
)

// newPortal is a whole portal with login by card: a page with the button, and one for those
// who have logged in. group names the authorities whose cards are let in.
func newPortal(origin string, group authtoken.TrustGroup, revocation authtoken.Revocation) (http.Handler, error) {
	verifier, err := authtoken.NewVerifier(authtoken.Config{
		Origin: origin, Revocation: revocation,
		Profile: authtoken.Profile{TrustGroups: []authtoken.TrustGroup{group}, AllowTestCards: group.Test},
	})
	if err != nil {
		return nil, err
	}
	cards, err := cardlogin.New(cardlogin.Options{Verifier: verifier, Rules: cps.DemoRules(), Next: "/espace"})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", cards)
	mux.Handle("/static/cpx-bridge/", js.Handler("/static/cpx-bridge/")) // the page's library
	mux.Handle("/{$}", http.FileServer(http.Dir("web")))                 // web/index.html: the page with <cpx-login>
	mux.Handle("/espace", cards.Require(http.HandlerFunc(showSpace)))
	return cards.Protect(mux), nil
}

var space = template.Must(template.New("space").Parse(`<p>Bonjour {{.Person.DisplayName}}, {{.Person.Kind}}</p>
<form method="post" action="/auth/logout">
<input type="hidden" name="card" value="{{.Certificate}}">
<button>Se déconnecter</button>
</form>
`))

func showSpace(w http.ResponseWriter, r *http.Request) {
	if err := space.Execute(w, cardlogin.Current(r.Context())); err != nil {
		log.Print(err) // the page is cut short where the template is wrong
	}
}

// A portal gains card login in twenty lines, and its tests log in without agent or card.
func Example() {
	authority, err := cardlogintest.NewAuthority() // of TEST cards
	if err != nil {
		log.Fatal(err)
	}
	portal, err := newPortal("https://portail.example.fr", authority.TrustGroup(), authtoken.RevocationOff)
	if err != nil {
		log.Fatal(err)
	}
	card, err := authority.Card("CPS", 1)
	if err != nil {
		log.Fatal(err)
	}
	browser := cardlogintest.NewBrowser(portal, "https://portail.example.fr")
	next, err := browser.Login(card)
	if err != nil {
		log.Fatal(err)
	}
	status, page, err := browser.Get(next)
	greeting, _, _ := strings.Cut(page, "\n")
	fmt.Println(next, status, greeting, err)
	// Output:
	// /espace 200 <p>Bonjour CAMILLE TEST-CPS0001, CPS</p> <nil>
}
