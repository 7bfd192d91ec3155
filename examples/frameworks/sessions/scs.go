// Package sessions has the logins by card in the sessions that a portal's own library keeps:
// scs or gorilla/sessions.
package sessions

import (
	"net/http"

	"github.com/alexedwards/scs/v2"
)

// SCS are the sessions of github.com/alexedwards/scs. Its LoadAndSave stands around the
// whole portal.
type SCS struct{ *scs.SessionManager }

// Get returns a value of the request's session.
func (s SCS) Get(r *http.Request, key string) (string, error) {
	return s.GetString(r.Context(), key), nil
}

// Put sets one.
func (s SCS) Put(_ http.ResponseWriter, r *http.Request, key, value string) error {
	s.SessionManager.Put(r.Context(), key, value)
	return nil
}

// Renew gives the session another identifier.
func (s SCS) Renew(_ http.ResponseWriter, r *http.Request) error {
	return s.RenewToken(r.Context())
}

// Destroy ends it.
func (s SCS) Destroy(_ http.ResponseWriter, r *http.Request) error {
	return s.SessionManager.Destroy(r.Context())
}
