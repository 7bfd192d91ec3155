package cardlogin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/authtoken/challenge"
)

// Verify verifies the token that the request has, as [Handler.Login] does, and uses up
// its challenge, without a session: for another endpoint that a token is posted to. The
// error is a [*Refusal] where the request or the token is at fault.
func (h *Handler) Verify(w http.ResponseWriter, r *http.Request) (*Login, error) {
	r.Body = http.MaxBytesReader(w, r.Body, authtoken.MaxEnvelopeSize)
	if err := h.admit(r, []string{http.MethodPost}); err != nil {
		return nil, err
	}
	token, err := tokenOf(r.Body)
	if err != nil {
		return nil, err
	}
	result, err := h.o.Challenges.Verify(w, r, h.o.Verifier, token)
	if err != nil {
		return nil, h.refused(r, token, err)
	}
	l := newLogin(result, h.o.Rules, h.o.Now())
	l.Next = h.o.Next
	return l, nil
}

func tokenOf(body io.Reader) (json.RawMessage, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		status, large := http.StatusBadRequest, (*http.MaxBytesError)(nil)
		if errors.As(err, &large) {
			status = http.StatusRequestEntityTooLarge
		}
		return nil, &Refusal{Status: status, Reason: string(authtoken.ReasonMalformedRequest), Err: err}
	}
	token, err := authtoken.ParseEnvelope(text)
	if err != nil {
		return nil, &Refusal{Status: http.StatusBadRequest, Reason: string(authtoken.ReasonMalformedRequest), Err: err}
	}
	return token, nil
}

// refused is the answer to a token that was refused.
func (h *Handler) refused(r *http.Request, token json.RawMessage, err error) error {
	why := (*authtoken.Error)(nil)
	if !errors.As(err, &why) {
		return err
	}
	refusal := &Refusal{Status: http.StatusForbidden, Reason: string(why.Reason), Err: err, Token: token}
	switch why.Reason {
	case authtoken.ReasonMalformedToken:
		refusal.Status = http.StatusBadRequest
	case challenge.ReasonNoCookie:
		// A browser that has the session's cookie keeps cookies.
		if l, err := h.o.Sessions.Current(r); err == nil && l != nil {
			refusal.Reason = string(challenge.ReasonExpired)
		}
	}
	return refusal
}

// admit decides whether a request may have an answer at all.
func (h *Handler) admit(r *http.Request, methods []string) error {
	if err := h.checkHost(r); err != nil {
		return err
	}
	if !slices.Contains(methods, r.Method) {
		return &Refusal{Status: http.StatusMethodNotAllowed, Reason: "method_not_allowed", allow: strings.Join(methods, ", ")}
	}
	if !challenge.FromOwnPage(r) {
		return &Refusal{Status: http.StatusForbidden, Reason: "cross_origin", Err: fmt.Errorf("Sec-Fetch-Site is %.100q", r.Header["Sec-Fetch-Site"])}
	}
	if from := r.Header["Origin"]; from != nil && !slices.Equal(from, []string{h.o.Verifier.Origin()}) && !hidden(r, from) {
		return &Refusal{Status: http.StatusForbidden, Reason: "cross_origin", Err: fmt.Errorf("the header Origin is %.100q", from)}
	}
	if h.o.CheckToken != nil && r.Method == http.MethodPost {
		if err := h.o.CheckToken(r); err != nil {
			return &Refusal{Status: http.StatusForbidden, Reason: "csrf_failed", Err: err}
		}
	}
	return nil
}

// hidden reports whether the origin is one that the browser does not state, of a page that the
// browser itself says is this portal's: a page with "Referrer-Policy: no-referrer" posts
// "Origin: null" (Fetch, 3.2, "append a request Origin header").
func hidden(r *http.Request, from []string) bool {
	return r.Header["Sec-Fetch-Site"] != nil && slices.Equal(from, []string{"null"})
}

// checkHost refuses a request for another host: a name that an attacker's page gave the
// portal's address, for example. Where a proxy stands in front, it passes the browser's Host on.
func (h *Handler) checkHost(r *http.Request) error {
	name := hostOnly(r.Host)
	if name == hostOnly(h.host) || slices.Contains(h.o.Hosts, name) {
		return nil
	}
	return &Refusal{Status: http.StatusMisdirectedRequest, Reason: "unknown_host", Err: fmt.Errorf("the header Host is %.100q", r.Host)}
}

// hostOnly is the host of a Host header, without its port: a port does not distinguish names.
func hostOnly(header string) string {
	host, _, err := net.SplitHostPort(header)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(header, "["), "]")
	}
	return strings.ToLower(host)
}
