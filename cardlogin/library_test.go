package cardlogin_test

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken/challenge"
	"github.com/cpx-bridge/cpx-bridge/cardlogin"
)

// library is a session library of the simplest kind: values on the server, by a cookie.
// Those of scs and gorilla/sessions are tried in examples/frameworks.
type library struct {
	mu  sync.Mutex
	all map[string]map[string]string
	err error // of every call, where it is set
}

func (l *library) id(r *http.Request) string {
	if c, err := r.Cookie("__Host-portal"); err == nil {
		return c.Value
	}
	return ""
}

func (l *library) set(w http.ResponseWriter, r *http.Request, id string) {
	c := &http.Cookie{Name: "__Host-portal", Value: id, Path: "/", Secure: true, HttpOnly: true}
	http.SetCookie(w, c)
	r.Header.Set("Cookie", c.String()) // for the rest of this request
}

func (l *library) Get(r *http.Request, key string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all[l.id(r)][key], l.err
}

func (l *library) Put(w http.ResponseWriter, r *http.Request, key, value string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := l.id(r)
	if l.all[id] == nil {
		id = rand.Text()
		l.all[id] = map[string]string{}
		l.set(w, r, id)
	}
	l.all[id][key] = value
	return l.err
}

func (l *library) Renew(w http.ResponseWriter, r *http.Request) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, id := l.id(r), rand.Text()
	l.all[id] = l.all[old]
	if l.all[id] == nil {
		l.all[id] = map[string]string{}
	}
	delete(l.all, old)
	l.set(w, r, id)
	return l.err
}

func (l *library) Destroy(_ http.ResponseWriter, r *http.Request) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, l.id(r))
	return l.err
}

func inLibrary(t *testing.T) (*site, *library) {
	t.Helper()
	l := &library{all: map[string]map[string]string{}}
	return newSite(t, func(o *cardlogin.Options) {
		o.Sessions, o.Challenges = cardlogin.SessionsIn(l), cardlogin.ChallengesIn(l, challenge.NewMemory(o.Now), o.Now)
	}), l
}

func TestSessionLibrary(t *testing.T) {
	s, l := inLibrary(t)
	b, c := s.browser(), newCard(t, "CPS", 1)
	page(t, b, "/espace", "page connexion")
	if _, err := b.Challenge(); err != nil {
		t.Fatal(err)
	}
	var before string
	for id := range l.all {
		before = id
	}
	loggedIn(t, b, c)
	page(t, b, "/espace", "ici CAMILLE TEST-CPS0001 CPS ")
	for id, values := range l.all {
		if id == before {
			t.Error("the session goes on under the identifier of before the login")
		}
		if strings.Contains(values["cpx-login"], "Attributes\":[") || strings.Contains(values["cpx-login"], "Next") {
			t.Errorf("%s has %v", id, values)
		}
	}
	if _, _, err := b.Post("/auth/logout", nil); err != nil {
		t.Fatal(err)
	}
	page(t, b, "/espace", "page connexion")
	if len(l.all) != 0 {
		t.Errorf("%d sessions remain", len(l.all))
	}
}

// What a portal has in a session is the person's who was logged in, and of no other who
// logs in at the same browser.
func TestNothingOfThePersonBefore(t *testing.T) {
	s, l := inLibrary(t)
	b := s.browser()
	open := func(want string) {
		t.Helper()
		if len(l.all) != 1 {
			t.Errorf("%d sessions", len(l.all))
		}
		for _, values := range l.all {
			if values["open"] != want {
				t.Errorf("%q, want %q", values["open"], want)
			}
		}
	}
	loggedIn(t, b, newCard(t, "CPS", 1))
	for _, values := range l.all {
		values["open"] = "a file"
	}
	loggedIn(t, b, newCard(t, "CPS", 1)) // renewed: another certificate
	open("a file")
	loggedIn(t, b, newCard(t, "CPS", 2))
	open("")
	page(t, b, "/espace", "ici CAMILLE TEST-CPS0002 CPS ")
	for _, values := range l.all {
		values["open"], values["cpx-login"] = "a file", "of another version"
	}
	loggedIn(t, b, newCard(t, "CPS", 2))
	open("")
}

func TestChallengesInSessions(t *testing.T) {
	s, _ := inLibrary(t)
	b, c := s.browser(), newCard(t, "CPS", 1)
	nonces := make([]string, 20)
	for i := range nonces {
		var err error
		if nonces[i], err = b.Challenge(); err != nil {
			t.Fatal(err)
		}
		s.clock.pass(time.Second)
	}
	send := func(nonce string) error {
		token, err := c.Token(origin, nonce)
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Send(token)
		return err
	}
	for _, i := range []int{0, 11} {
		if err := send(nonces[i]); reason(t, err) != "challenge_expired" {
			t.Errorf("tab %d: %v", i, err)
		}
	}
	for _, i := range []int{15, 12, 18, 13, 14, 16, 17} {
		if err := send(nonces[i]); err != nil {
			t.Errorf("tab %d: %v", i, err)
		}
		if err := send(nonces[i]); reason(t, err) != "challenge_expired" {
			t.Errorf("tab %d once more: %v", i, err)
		}
	}
	s.clock.pass(challenge.Lifetime)
	if err := send(nonces[19]); reason(t, err) != "challenge_expired" {
		t.Errorf("too late: %v", err)
	}
	alone := s.browser()
	nonce, err := alone.Challenge()
	if err != nil {
		t.Fatal(err)
	}
	token, err := c.Token("https://other.example.fr", nonce)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alone.Send(token); reason(t, err) != "bad_signature" {
		t.Error(err)
	}
}

// What the library cannot do is no refusal of a card.
func TestLibraryFails(t *testing.T) {
	s, l := inLibrary(t)
	b := s.browser()
	l.err = errors.New("the disk is full")
	if _, err := b.Login(newCard(t, "CPS", 1)); reason(t, err) != "internal" {
		t.Error(err)
	}
	if status, _, err := b.Get("/espace"); err != nil || status != http.StatusInternalServerError {
		t.Error(status, err)
	}
	if !strings.Contains(s.logged(), "the disk is full") {
		t.Error(s.logged())
	}
}
