package portal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/authtoken/challenge"
	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/strictjson"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// challenge is GET /auth/challenge.
func (p *Portal) challenge(w http.ResponseWriter, r *http.Request) {
	nonce, err := p.challenges.Issue(w, r)
	if err != nil {
		p.problem(w, r, http.StatusInternalServerError, "internal", err)
		return
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]string{"nonce": nonce})
}

// login is POST /auth/login.
func (p *Portal) login(w http.ResponseWriter, r *http.Request) {
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
	result, err := p.challenges.Verify(w, r, p.verifier, token)
	if refused := (*authtoken.Error)(nil); errors.As(err, &refused) {
		reason := refused.Reason
		if _, none := r.Cookie(p.cookieName()); reason == challenge.ReasonNoCookie && none == nil {
			reason = challenge.ReasonExpired // a browser that keeps the session's cookie kept the challenge's
		}
		p.problem(w, r, http.StatusForbidden, string(reason), err)
		return
	}
	var next string
	if err == nil {
		next, err = p.acceptCard(w, r, p.cardOf(result))
	}
	if err != nil {
		p.problem(w, r, http.StatusInternalServerError, "internal", err)
		return
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]string{"next": next})
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
func (p *Portal) acceptCard(w http.ResponseWriter, r *http.Request, c card) (next string, err error) {
	ctx := r.Context()
	old, err := p.session(r)
	if err != nil {
		return "", err
	}
	var s *session
	err = p.store.together(ctx, func(q querier) error {
		known, err := cardByKey(ctx, q, c)
		if err != nil && !errors.Is(err, errNotFound) {
			return err
		}
		if err != nil || known.Card.Kind != "" && c.Kind != "" && known.Card.Kind != c.Kind {
			// Unknown, or both certificates state a kind and the two differ.
			s, err = p.renew(ctx, q, old, session{pending: &c})
			return err
		}
		if err := used(ctx, q, known.ID, c, p.now()); err != nil {
			return err
		}
		s, err = p.renew(ctx, q, old, session{Account: known.Account, Card: known.ID})
		return err
	})
	if err != nil {
		return "", err
	}
	p.setSession(w, s)
	if s.pending != nil {
		return pathFirst, nil
	}
	p.log.Info("login by card", "account", s.Account, "card", s.Card)
	return pathSpace, nil
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
