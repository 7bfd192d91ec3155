package portal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/strictjson"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// challenge is GET /auth/challenge. It begins a session where there is none,
// because a nonce is valid in one session only.
func (p *Portal) challenge(w http.ResponseWriter, r *http.Request) {
	s, err := p.session(r)
	if err == nil && s == nil {
		s, err = p.renew(w, r, nil, session{})
	}
	var nonce string
	if err == nil {
		nonce, err = p.newNonce(r.Context(), s)
	}
	if err != nil {
		p.problem(w, r, http.StatusInternalServerError, "internal", err)
		return
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]string{"nonce": nonce})
}

// login is POST /auth/login.
func (p *Portal) login(w http.ResponseWriter, r *http.Request) {
	s, err := p.session(r)
	if err != nil {
		p.problem(w, r, http.StatusInternalServerError, "internal", err)
		return
	}
	var body map[string]json.RawMessage
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, authtoken.MaxTokenSize+1024))
	if err == nil {
		body, err = strictjson.Object(text)
	}
	token := body["auth-token"]
	if err != nil || len(token) == 0 {
		p.problem(w, r, http.StatusBadRequest, "malformed_request", err)
		return
	}
	if s == nil {
		reason := "challenge_expired"
		if _, err := r.Cookie(p.cookieName()); err != nil {
			reason = "no_session" // the browser refuses our cookie: another click would end the same
		}
		p.problem(w, r, http.StatusForbidden, reason, errors.New("no session"))
		return
	}
	nonces, err := p.consumeNonces(r.Context(), s)
	if err != nil {
		p.problem(w, r, http.StatusInternalServerError, "internal", err)
		return
	}
	result, reason, err := p.verify(r, token, nonces)
	if err != nil {
		p.problem(w, r, http.StatusForbidden, reason, err)
		return
	}
	next, err := p.acceptCard(w, r, s, p.cardOf(result))
	if err != nil {
		p.problem(w, r, http.StatusInternalServerError, "internal", err)
		return
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]string{"next": next})
}

// verify tries the token with each open nonce of the session: two tabs may each
// have fetched one, and the token does not say which nonce it signs.
func (p *Portal) verify(r *http.Request, raw []byte, nonces []string) (authtoken.Result, string, error) {
	reason, err := "challenge_expired", errors.New("no open challenge in this session")
	for _, nonce := range nonces {
		var result authtoken.Result
		if result, err = p.verifier.Verify(r.Context(), raw, nonce); err == nil {
			return result, "", nil
		}
		var refused *authtoken.Error
		if !errors.As(err, &refused) {
			return result, "internal", err
		}
		if reason = string(refused.Reason); refused.Reason != authtoken.ReasonBadSignature {
			break // no other nonce would change that
		}
	}
	return authtoken.Result{}, reason, err
}

func (p *Portal) cardOf(result authtoken.Result) card {
	person := cps.Parse(result.Certificate, cps.Rules{KindByPolicy: p.settings.Kinds})
	sum := sha256.Sum256(result.Certificate.Raw)
	return card{
		Group: result.Group, Identifier: person.Identifier, Holder: person.DisplayName(), Kind: person.Kind,
		Profession: person.Profession, Certificate: hex.EncodeToString(sum[:]), Named: person.Named(),
	}
}

const (
	pathSpace = "/espace"
	pathFirst = "/premiere-connexion"
	// pathLogout is also where a page posts by itself when its card is removed.
	pathLogout = "/deconnexion"
	// pathLoggedOut is the home page, saying that the session was ended.
	pathLoggedOut = "/?session=fermee"
)

// acceptCard logs the card's account in; a card attached to none becomes the
// pending card of a new session for five minutes. It returns the page to go to.
func (p *Portal) acceptCard(w http.ResponseWriter, r *http.Request, old *session, c card) (next string, err error) {
	known, err := p.store.cardByKey(r.Context(), c)
	switch {
	case err == nil && (known.Card.Kind == "" || c.Kind == "" || known.Card.Kind == c.Kind):
		if err := p.store.used(r.Context(), known.ID, c, p.now()); err != nil {
			return "", err
		}
		p.log.Info("login by card", "account", known.Account, "card", known.ID)
		_, err = p.renew(w, r, old, session{Account: known.Account, Card: known.ID})
		return pathSpace, err
	case err != nil && !errors.Is(err, errNotFound):
		return "", err
	}
	// Unknown, or both certificates state a kind and the two differ.
	_, err = p.renew(w, r, old, session{pending: &c})
	return pathFirst, err
}

// problem answers with a problem document (RFC 9457). Internal details go to the
// log only.
func (p *Portal) problem(w http.ResponseWriter, r *http.Request, status int, reason string, err error) {
	p.log.Warn("login refused", "reason", reason, "error", err)
	say := texts.In(p.lang(r))
	detail, known := say.Code("portal.problem", reason)
	if !known {
		detail = say.Text("portal.problem.other")
	}
	writeJSON(w, status, "application/problem+json", map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "reason": reason, "detail": detail,
	})
}

func writeJSON(w http.ResponseWriter, status int, kind string, v any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // that the browser is gone is no error of ours
}
