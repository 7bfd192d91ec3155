package sessions

import (
	"net/http"

	"github.com/gorilla/sessions"
)

// Gorilla are the sessions of github.com/gorilla/sessions, in a store that has them on the
// server: with sessions.CookieStore a copy of the cookie outlives the logout.
type Gorilla struct {
	Store sessions.Store
	// Name is the cookie's: on https "__Host-" stands before it.
	Name string
}

// Get returns a value of the request's session.
func (g Gorilla) Get(r *http.Request, key string) (string, error) {
	session, err := g.Store.Get(r, g.Name)
	if err != nil {
		return "", nil // a cookie of another key, or of a session that has ended
	}
	value, _ := session.Values[key].(string)
	return value, nil
}

// Put sets one.
func (g Gorilla) Put(w http.ResponseWriter, r *http.Request, key, value string) error {
	session, _ := g.Store.Get(r, g.Name) // a new one besides the error
	session.Values[key] = value
	return session.Save(r, w)
}

// Renew gives the session another identifier: the one of before ends, and the next save
// begins another with its values.
func (g Gorilla) Renew(w http.ResponseWriter, r *http.Request) error {
	session, _ := g.Store.Get(r, g.Name)
	if session.ID == "" {
		return nil
	}
	return end(w, r, session)
}

// Destroy ends it.
func (g Gorilla) Destroy(w http.ResponseWriter, r *http.Request) error {
	session, _ := g.Store.Get(r, g.Name)
	clear(session.Values)
	return end(w, r, session)
}

// end ends a session, of which the next save begins another.
func end(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
	age := session.Options.MaxAge
	session.Options.MaxAge = -1
	err := session.Save(r, w)
	session.ID, session.Options.MaxAge = "", age
	return err
}
