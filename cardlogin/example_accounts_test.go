package cardlogin_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"net/http"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/authtoken/challenge"
	"github.com/cpx-bridge/cpx-bridge/cardlogin"
	"github.com/cpx-bridge/cpx-bridge/cardlogin/cardlogintest"
	"github.com/cpx-bridge/cpx-bridge/cps"
	_ "modernc.org/sqlite"
)

// withAccounts lets in whose card is attached to an account, and nobody else.
func withAccounts(verifier *authtoken.Verifier, accountOf func(ctx context.Context, key string) (string, error)) (*cardlogin.Handler, error) {
	return cardlogin.New(cardlogin.Options{
		Verifier: verifier, Rules: cps.DemoRules(),
		Accept: func(r *http.Request, l *cardlogin.Login) error {
			account, err := accountOf(r.Context(), l.Key())
			if errors.Is(err, sql.ErrNoRows) {
				return &cardlogin.Refusal{Reason: "no_account", Detail: "Aucun compte n’est associé à cette carte : adressez-vous à l’accueil."}
			}
			l.Account = account // in each request: cardlogin.Current(r.Context()).Account
			return err
		},
	})
}

// A card that is good is not yet an account: Accept looks it up, by Login.Key.
func ExampleOptions_accept() {
	authority, err := cardlogintest.NewAuthority()
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := authority.Verifier(origin)
	if err != nil {
		log.Fatal(err)
	}
	cards, err := withAccounts(verifier, func(_ context.Context, key string) (string, error) {
		if key == "TEST id:899700070016" {
			return "compte-1", nil
		}
		return "", sql.ErrNoRows
	})
	if err != nil {
		log.Fatal(err)
	}
	for number := 1; number <= 2; number++ {
		card, err := authority.Card("CPS", number)
		if err != nil {
			log.Fatal(err)
		}
		next, err := cardlogintest.NewBrowser(cards, origin).Login(card)
		fmt.Println(next, err)
	}
	// Output:
	// / <nil>
	//  cardlogintest: refused with 403 no_account
}

// newInstance is one of several processes that serve a portal over one database. sessions
// are the portal's own, which all of them share too.
func newInstance(ctx context.Context, db *sql.DB, verifier *authtoken.Verifier, sessions cardlogin.Session) (*cardlogin.Handler, error) {
	store, err := challenge.NewSQL(ctx, db, challenge.SQLite, nil) // or challenge.PostgreSQL
	if err != nil {
		return nil, err
	}
	challenges, err := challenge.New(challenge.Options{Store: store, HTTPS: true}) // false on http://localhost alone
	if err != nil {
		return nil, err
	}
	return cardlogin.New(cardlogin.Options{
		Verifier: verifier, Rules: cps.DemoRules(), Challenges: challenges, Sessions: cardlogin.SessionsIn(sessions),
	})
}

// A challenge of one process is answered at another, once.
func ExampleOptions_instances() {
	authority, err := cardlogintest.NewAuthority()
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := authority.Verifier(origin)
	if err != nil {
		log.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:example?mode=memory&cache=shared")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	sessions := &library{all: map[string]map[string]string{}}
	first, err := newInstance(context.Background(), db, verifier, sessions)
	if err != nil {
		log.Fatal(err)
	}
	second, err := newInstance(context.Background(), db, verifier, sessions)
	if err != nil {
		log.Fatal(err)
	}
	card, err := authority.Card("CPS", 1)
	if err != nil {
		log.Fatal(err)
	}
	browser := cardlogintest.NewBrowser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/auth/challenge" {
			first.ServeHTTP(w, r)
		} else {
			second.ServeHTTP(w, r)
		}
	}), origin)
	fmt.Println(browser.Login(card))
	// Output:
	// / <nil>
}
