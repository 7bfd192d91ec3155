package cardlogintest_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/cardlogin"
	"github.com/cpx-bridge/cpx-bridge/cardlogin/cardlogintest"
)

// A portal's test logs in with cards of TEST people: here a good one, an expired one, and one
// that names nobody, such as a ward's.
func Example() {
	const origin = "https://portail.example.fr"
	authority, err := cardlogintest.NewAuthority() // once for all tests of a package
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := authority.Verifier(origin)
	if err != nil {
		log.Fatal(err)
	}
	// The portal under test, which takes its verifier as a parameter.
	cards, err := cardlogin.New(cardlogin.Options{Verifier: verifier, Rules: authority.Rules()})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", cards)
	mux.Handle("/espace", cards.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		person, _ := cardlogin.Person(r.Context())
		fmt.Fprint(w, person.DisplayName(), ", ", person.Kind)
	})))

	good, err := authority.Card("CPS", 1)
	if err != nil {
		log.Fatal(err)
	}
	expired, err := authority.Expired("CPS", 2)
	if err != nil {
		log.Fatal(err)
	}
	unnamed, err := authority.Unnamed(1)
	if err != nil {
		log.Fatal(err)
	}
	for _, card := range []*cardlogintest.Card{good, expired, unnamed} {
		browser := cardlogintest.NewBrowser(mux, origin) // with cookies of its own
		if _, err := browser.Login(card); err != nil {
			fmt.Println(err)
			continue
		}
		status, page, err := browser.Get("/espace")
		fmt.Println(status, page, err)
	}
	// Output:
	// 200 CAMILLE TEST-CPS0001, CPS <nil>
	// cardlogintest: refused with 403 expired
	// 200 EMPLOYETEST00000001, CPE <nil>
}

// revoked are the certificates that a test has revoked, by their DER.
type revoked map[string]bool

func (r revoked) Check(_ context.Context, chain []*x509.Certificate, _ time.Time) error {
	if r[string(chain[0].Raw)] { // the card's; those of its authorities follow
		return authtoken.ErrRevoked
	}
	return nil // any other error is: nobody knows, and refuses the card with revocation_unknown
}

// A card that is revoked, without lists and without a network: the test's own check says so.
func Example_revoked() {
	const origin = "https://portail.example.fr"
	authority, err := cardlogintest.NewAuthority()
	if err != nil {
		log.Fatal(err)
	}
	lost, err := authority.Card("CPS", 1)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := authtoken.NewVerifier(authtoken.Config{
		Origin: origin, Revocation: revoked{string(lost.Certificate.Raw): true},
		Profile: authtoken.Profile{AllowTestCards: true, TrustGroups: []authtoken.TrustGroup{authority.TrustGroup()}},
	})
	if err != nil {
		log.Fatal(err)
	}
	cards, err := cardlogin.New(cardlogin.Options{Verifier: verifier, Rules: authority.Rules()})
	if err != nil {
		log.Fatal(err)
	}
	_, err = cardlogintest.NewBrowser(cards, origin).Login(lost)
	fmt.Println(err)
	// Output:
	// cardlogintest: refused with 403 revoked
}
