package auth

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/cardlogin"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
	"github.com/cpx-bridge/cpx-bridge/portal/answers"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
)

// aboutTheCard are the refusals that say what the card's certificate lacks.
var aboutTheCard = []authtoken.Reason{
	authtoken.ReasonWrongKeyUsage, authtoken.ReasonWrongExtendedKeyUsage, authtoken.ReasonRefusedPolicy, authtoken.ReasonMissingPolicy,
	authtoken.ReasonExpired, authtoken.ReasonNotYetValid, authtoken.ReasonUntrustedCA, authtoken.ReasonIssuerNotAllowed, authtoken.ReasonTestCardRefused,
	authtoken.ReasonRevoked, authtoken.ReasonRevocationUnknown, authtoken.ReasonWeakKey,
}

// report is what the self-test learns of a card. Nothing in it names the holder or the card.
type report struct {
	Fit        bool      `json:"fit"`
	Reason     string    `json:"reason,omitempty"`    // why not
	Reference  string    `json:"reference,omitempty"` // of the refusal, which the log has
	ValidFrom  time.Time `json:"validFrom"`
	ValidTo    time.Time `json:"validTo"`
	Kind       string    `json:"kind,omitempty"`
	Revocation string    `json:"revocation,omitempty"` // "good": checked; "off": not; "": it may not have been
	Now        time.Time `json:"now"`                  // by the portal's clock
}

// selfTest is POST /auth/selftest: it says of a login's token whether it would do, and of
// its certificate the dates. It begins no session and ends none, knows no account, and
// stores nothing but that the nonce was used.
func (e *Endpoints) selfTest(w http.ResponseWriter, r *http.Request) {
	l, err := e.cards.Verify(w, r)
	refused := (*cardlogin.Refusal)(nil)
	if err != nil && !errors.As(err, &refused) {
		e.cards.Refuse(w, r, err)
		return
	}
	answer := report{Fit: refused == nil, Now: e.now().UTC().Truncate(time.Second)}
	var cert *x509.Certificate
	if refused != nil {
		// The reason alone: what an error says may repeat whom the certificate names.
		if slices.Contains(aboutTheCard, authtoken.Reason(refused.Reason)) {
			cert = unverified(refused.Token)
		}
		if cert == nil {
			refused.Err = errors.New("of a self-test")
			e.cards.Refuse(w, r, refused)
			return
		}
		answer.Reason, answer.Reference = refused.Reason, reference.New()
		e.log.Warn("self-test refused", "reason", refused.Reason, reference.Key, answer.Reference)
	} else {
		e.log.Info("self-test")
		cert, answer.Kind, answer.Revocation = l.Result.Certificate, l.Person.Kind, e.revocation()
	}
	answer.ValidFrom, answer.ValidTo = cert.NotBefore.UTC(), cert.NotAfter.UTC()
	answers.JSON(w, http.StatusOK, "application/json", answer)
}

// revocation is what a login says of whether its card is revoked.
func (e *Endpoints) revocation() string {
	switch {
	case e.settings.Revocation == settings.RevocationOff:
		return "off"
	case e.settings.CRL.Soft:
		return ""
	}
	return "good"
}

// unverified is the certificate of a token that was refused: its dates are what its sender
// says they are, and go back to nobody else.
func unverified(raw []byte) *x509.Certificate {
	token, err := authtoken.Parse(raw)
	if err != nil {
		return nil
	}
	der, err := base64.StdEncoding.DecodeString(token.UnverifiedCertificate)
	if err != nil {
		return nil
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return cert
}
