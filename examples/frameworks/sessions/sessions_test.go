package sessions

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/cpx-bridge/cpx-bridge/authtoken/challenge"
	"github.com/cpx-bridge/cpx-bridge/cardlogin"
	"github.com/cpx-bridge/cpx-bridge/cardlogin/cardlogintest"
	"github.com/gorilla/sessions"
)

const origin = "https://portail.example.fr"

var authority = sync.OnceValue(func() *cardlogintest.Authority {
	a, err := cardlogintest.NewAuthority()
	if err != nil {
		log.Fatal(err)
	}
	return a
})

func newCard(t *testing.T, number int) *cardlogintest.Card {
	t.Helper()
	c, err := authority().Card("CPS", number)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// libraries are the portal's sessions, each with what the library wants around the portal.
func libraries(t *testing.T) map[string]struct {
	session cardlogin.Session
	around  func(http.Handler) http.Handler
} {
	manager := scs.New()
	manager.Store = memstore.New()
	manager.Cookie.Name, manager.Cookie.Secure = "__Host-session", true
	files := sessions.NewFilesystemStore(t.TempDir(), []byte(strings.Repeat("k", 32)))
	files.Options.Secure, files.Options.HttpOnly, files.Options.SameSite = true, true, http.SameSiteLaxMode
	return map[string]struct {
		session cardlogin.Session
		around  func(http.Handler) http.Handler
	}{
		"scs":     {SCS{manager}, manager.LoadAndSave},
		"gorilla": {Gorilla{files, "__Host-session"}, func(h http.Handler) http.Handler { return h }},
	}
}

// each plays a test on a portal of each library, with the challenges in cookies and in the
// sessions.
func each(t *testing.T, play func(t *testing.T, portal http.Handler)) {
	for name, library := range libraries(t) {
		for where, challenges := range map[string]cardlogin.Challenges{"cookies": nil, "sessions": cardlogin.ChallengesIn(library.session, challenge.NewMemory(nil), nil)} {
			t.Run(name+"/"+where, func(t *testing.T) {
				verifier, err := authority().Verifier(origin)
				if err != nil {
					t.Fatal(err)
				}
				cards, err := cardlogin.New(cardlogin.Options{
					Verifier: verifier, Rules: authority().Rules(), Challenges: challenges, Sessions: cardlogin.SessionsIn(library.session),
				})
				if err != nil {
					t.Fatal(err)
				}
				mux := http.NewServeMux()
				mux.Handle("/auth/", cards)
				mux.Handle("/", cards.Identify(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					person, _ := cardlogin.Person(r.Context())
					_, _ = io.WriteString(w, "ici "+person.DisplayName()+" "+person.Kind)
				})))
				mux.HandleFunc("POST /open", func(w http.ResponseWriter, r *http.Request) {
					if err := library.session.Put(w, r, "open", r.FormValue("open")); err != nil {
						t.Error(err)
					}
				})
				mux.HandleFunc("GET /open", func(w http.ResponseWriter, r *http.Request) {
					open, err := library.session.Get(r, "open")
					if err != nil {
						t.Error(err)
					}
					_, _ = io.WriteString(w, open)
				})
				play(t, library.around(cards.Protect(mux)))
			})
		}
	}
}

func shows(t *testing.T, b *cardlogintest.Browser, want string) {
	t.Helper()
	if status, page, err := b.Get("/"); err != nil || status != http.StatusOK || page != want {
		t.Errorf("%d %v %q, want %q", status, err, page, want)
	}
}

func loggedIn(t *testing.T, b *cardlogintest.Browser, c *cardlogintest.Card) {
	t.Helper()
	if next, err := b.Login(c); err != nil || next != "/" {
		t.Fatal(next, err)
	}
}

// copied is another browser that has what this one has now.
func copied(t *testing.T, portal http.Handler, b *cardlogintest.Browser) *cardlogintest.Browser {
	t.Helper()
	u, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	other := cardlogintest.NewBrowser(portal, origin)
	var now []*http.Cookie
	for _, c := range b.Client.Jar.Cookies(u) {
		now = append(now, &http.Cookie{Name: c.Name, Value: c.Value, Path: "/", Secure: true})
	}
	other.Client.Jar.(*cookiejar.Jar).SetCookies(u, now)
	return other
}

func reason(t *testing.T, err error) string {
	t.Helper()
	refused := (*cardlogintest.Refused)(nil)
	if !errors.As(err, &refused) {
		t.Fatalf("not refused: %v", err)
	}
	return refused.Reason
}

// Who logs in gets a session that no one of before knows, and a copy of it is worth nothing
// after the logout.
func TestSessions(t *testing.T) {
	each(t, func(t *testing.T, portal http.Handler) {
		b := cardlogintest.NewBrowser(portal, origin)
		shows(t, b, "ici  ")
		loggedIn(t, b, newCard(t, 1))
		shows(t, b, "ici CAMILLE TEST-CPS0001 CPS")
		planted := copied(t, portal, b)
		shows(t, planted, "ici CAMILLE TEST-CPS0001 CPS")
		loggedIn(t, b, newCard(t, 2))
		shows(t, b, "ici CAMILLE TEST-CPS0002 CPS")
		shows(t, planted, "ici  ")
		stolen := copied(t, portal, b)
		if status, page, err := b.Post("/auth/logout", nil); err != nil || status != http.StatusOK || page != "ici  " {
			t.Errorf("%d %v %q", status, err, page)
		}
		shows(t, stolen, "ici  ")
	})
}

// What a portal has in the session of one person is not there for the next, who logs in at
// the same browser without a logout between.
func TestNothingOfThePersonBefore(t *testing.T) {
	each(t, func(t *testing.T, portal http.Handler) {
		b := cardlogintest.NewBrowser(portal, origin)
		open := func(want string) {
			t.Helper()
			if status, page, err := b.Get("/open"); err != nil || status != http.StatusOK || page != want {
				t.Errorf("%d %v %q, want %q", status, err, page, want)
			}
		}
		keep := func(value string) {
			t.Helper()
			if status, _, err := b.Post("/open", url.Values{"open": {value}}); err != nil || status != http.StatusOK {
				t.Error(status, err)
			}
		}
		keep("a search of nobody's")
		loggedIn(t, b, newCard(t, 1))
		open("a search of nobody's")
		keep("a file of the first person's")
		loggedIn(t, b, newCard(t, 1))
		open("a file of the first person's")
		loggedIn(t, b, newCard(t, 2))
		open("")
		shows(t, b, "ici CAMILLE TEST-CPS0002 CPS")
		keep("a file of the second person's")
		open("a file of the second person's")
	})
}

func TestChallenges(t *testing.T) {
	each(t, func(t *testing.T, portal http.Handler) {
		b, c := cardlogintest.NewBrowser(portal, origin), newCard(t, 1)
		token := func(b *cardlogintest.Browser) []byte {
			nonce, err := b.Challenge()
			if err != nil {
				t.Fatal(err)
			}
			token, err := c.Token(origin, nonce)
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		first, second := token(b), token(b)
		other := cardlogintest.NewBrowser(portal, origin)
		if _, err := other.Send(first); reason(t, err) != "no_session" {
			t.Error(err)
		}
		token(other)
		if _, err := other.Send(first); reason(t, err) != "bad_signature" {
			t.Error(err)
		}
		for _, good := range [][]byte{second, first} {
			if _, err := b.Send(good); err != nil {
				t.Error(err)
			}
			if _, err := b.Send(good); reason(t, err) != "challenge_expired" {
				t.Error(err)
			}
		}
		oldest := token(b)
		for range 8 {
			token(b)
		}
		if _, err := b.Send(oldest); err != nil && reason(t, err) != "challenge_expired" {
			t.Error(err)
		}
	})
}

// Of many logins with one token at the same time one succeeds.
func TestUsedOnce(t *testing.T) {
	each(t, func(t *testing.T, portal http.Handler) {
		b, c := cardlogintest.NewBrowser(portal, origin), newCard(t, 1)
		nonce, err := b.Challenge()
		if err != nil {
			t.Fatal(err)
		}
		token, err := c.Token(origin, nonce)
		if err != nil {
			t.Fatal(err)
		}
		outcomes := make(chan error)
		for range 20 {
			repeated := copied(t, portal, b)
			go func() {
				_, err := repeated.Send(token)
				outcomes <- err
			}()
		}
		good := 0
		for range 20 {
			if err := <-outcomes; err == nil {
				good++
			} else if r := reason(t, err); r != "challenge_expired" && r != "no_session" {
				t.Error(err)
			}
		}
		if good != 1 {
			t.Errorf("%d logins", good)
		}
	})
}

// With the sessions in cookies alone a copy of a cookie has its challenge for ever: the nonces
// that were used are remembered besides.
func TestSessionsInCookies(t *testing.T) {
	store := sessions.NewCookieStore([]byte(strings.Repeat("k", 32)))
	store.Options.Secure = true
	session := Gorilla{store, "__Host-session"}
	verifier, err := authority().Verifier(origin)
	if err != nil {
		t.Fatal(err)
	}
	cards, err := cardlogin.New(cardlogin.Options{
		Verifier: verifier, Challenges: cardlogin.ChallengesIn(session, challenge.NewMemory(nil), nil), Sessions: cardlogin.SessionsIn(session),
	})
	if err != nil {
		t.Fatal(err)
	}
	b := cardlogintest.NewBrowser(cards, origin)
	nonce, err := b.Challenge()
	if err != nil {
		t.Fatal(err)
	}
	recorded := copied(t, cards, b)
	token, err := newCard(t, 1).Token(origin, nonce)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Send(token); err != nil {
		t.Fatal(err)
	}
	if _, err := recorded.Send(token); reason(t, err) != "challenge_expired" {
		t.Error(err)
	}
}
