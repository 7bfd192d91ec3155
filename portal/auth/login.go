package auth

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/cardlogin"
	"github.com/cpx-bridge/cpx-bridge/portal/auditlog"
	"github.com/cpx-bridge/cpx-bridge/portal/sessions"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// accounts are the portal's sessions, for package cardlogin: a card that is attached to an
// account opens that one, and any other may be attached for a while.
type accounts struct {
	sessions *sessions.Sessions
	// after are the pages where a login leads.
	after After
	audit *auditlog.Log
	log   *slog.Logger
}

// Begin logs the card's account in; a card that is attached to none becomes the pending card
// of the new session. That and its row of the audit log are one transaction: the disk is waited
// for once.
func (a *accounts) Begin(w http.ResponseWriter, r *http.Request, l *cardlogin.Login) error {
	var event store.AuditEvent
	s, written, err := a.sessions.Login(w, r, cardOf(l), func(s store.Session) store.AuditEvent {
		event = a.audit.Of(r, store.AuditEvent{Event: auditlog.Login, Account: s.Account, Card: s.Card, Certificate: l.Certificate})
		if s.Pending != nil {
			event.Event = auditlog.CardProved
		}
		return event
	})
	if disabled, is := errors.AsType[*store.DisabledError](err); is {
		a.audit.Record(r, store.AuditEvent{Event: auditlog.LoginDisabled, Account: disabled.Account, Certificate: l.Certificate})
		return &cardlogin.Refusal{Reason: "account_disabled", Err: err}
	}
	if err != nil {
		return err
	}
	if written {
		a.audit.Line(r.Context(), event)
	} else {
		a.audit.Write(r.Context(), event)
	}
	if s.Pending != nil {
		l.Next = a.after.First
		return nil
	}
	l.Next = a.after.Space
	a.log.Info("login by card", "account", s.Account, "card", s.Card)
	return nil
}

// Current says whether the browser has a session, and not whose: that the pages find out for
// themselves.
func (a *accounts) Current(r *http.Request) (*cardlogin.Login, error) {
	s, err := a.sessions.Of(r)
	if s == nil || err != nil {
		return nil, err
	}
	return &cardlogin.Login{At: s.Created}, nil
}

// End ends the browser's session.
func (a *accounts) End(w http.ResponseWriter, r *http.Request) error {
	s, err := a.sessions.Of(r)
	if err != nil {
		return err
	}
	return a.sessions.End(r.Context(), w, s)
}

func cardOf(l *cardlogin.Login) store.Card {
	return store.Card{
		Group: l.Group, Identifier: l.Person.Identifier, Holder: l.Person.DisplayName(), Kind: l.Person.Kind,
		Profession: l.Person.Profession, Certificate: l.Certificate, Named: l.Person.Named(), Surname: l.Person.Surname,
	}
}

// watched are the challenges, with refusals of tokens written down.
type watched struct {
	cardlogin.Challenges
	audit *auditlog.Log
}

// Verify records why a token was refused, and nothing of what it holds: that is nobody's yet.
func (c watched) Verify(w http.ResponseWriter, r *http.Request, v *authtoken.Verifier, token []byte) (authtoken.Result, error) {
	result, err := c.Challenges.Verify(w, r, v, token)
	if refused, is := errors.AsType[*authtoken.Error](err); is {
		c.audit.Record(r, store.AuditEvent{Event: auditlog.LoginRefused, Reason: string(refused.Reason)})
	}
	return result, err
}
