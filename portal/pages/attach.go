package pages

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/portal/auditlog"
	"github.com/cpx-bridge/cpx-bridge/portal/names"
	"github.com/cpx-bridge/cpx-bridge/portal/passwords"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

func (p *Pages) home(w http.ResponseWriter, r *http.Request, _ *store.Session, v *view) (*view, error) {
	if r.URL.Query().Get("carte") == "autre" && v.CardID != "" {
		return otherCard(v, http.StatusOK)
	}
	if v.Account != nil {
		return redirect(w, r, PathSpace)
	}
	v.Page, v.Note = "home", p.noteOf(r, v, homeNotes)
	return v, nil
}

func redirect(w http.ResponseWriter, r *http.Request, to string) (*view, error) {
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil, nil
}

// first is the page of the first connection: it shows the card and the form.
func (p *Pages) first(w http.ResponseWriter, r *http.Request, s *store.Session, v *view) (*view, error) {
	if s == nil || s.Pending == nil {
		return p.expired(w, r, v, "")
	}
	v.Page, v.Card = "first", s.Pending
	known, err := p.store.CardByKey(r.Context(), *s.Pending)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return v, err
	}
	v.Changed = err == nil && known.Card.Kind != s.Pending.Kind
	return v, nil
}

// checkPassword is the password step. An unknown name and a wrong password get
// the same answer, after the same work.
func (p *Pages) checkPassword(w http.ResponseWriter, r *http.Request, s *store.Session, v *view) (*view, error) {
	if s == nil || s.Pending == nil {
		return p.expired(w, r, v, "portal.undone.password")
	}
	if ofAnotherCard(r, v) { // no password of the one for the card of the other
		return otherCard(v, http.StatusConflict)
	}
	v, err := p.first(w, r, s, v)
	if err != nil {
		return v, err
	}
	v.Form = form{Region: r.PostFormValue("region"), Service: r.PostFormValue("service"), Username: strings.TrimSpace(r.PostFormValue("username"))}
	// Some keyboards and files write é as two characters; accounts have it as one.
	name, password := norm.NFC.String(v.Form.Username), r.PostFormValue("password")
	if utf8.RuneCountInString(name) > 200 || name == "" || password == "" {
		return refuse(v, http.StatusUnprocessableEntity, texts.In(v.Lang).Text("portal.error.missing"))
	}
	wait, err := p.throttle.Begin(r.Context(), *s.Pending)
	if err != nil {
		return v, err
	}
	if wait > 0 {
		p.log.Warn("password refused", "reason", "card_slowed", "certificate", s.Pending.Certificate, "wait", wait)
		p.audit.Record(r, store.AuditEvent{Event: auditlog.PasswordSlowed, Certificate: s.Pending.Certificate})
		seconds := int(math.Ceil(wait.Seconds()))
		w.Header().Set("Retry-After", fmt.Sprint(seconds))
		return refuse(v, http.StatusTooManyRequests, texts.In(v.Lang).Plural("portal.error.throttled", seconds))
	}
	a, err := p.store.AccountByName(r.Context(), name)
	unknown := errors.Is(err, store.ErrNotFound)
	if err != nil && !unknown {
		return v, err
	}
	if unknown {
		a.Password = passwords.Decoy
	}
	good, better, err := p.hashing.Check(r.Context(), a.Password, password)
	if errors.Is(err, passwords.ErrLineFull) {
		p.log.Warn("password refused", "reason", "line_full")
		w.Header().Set("Retry-After", fmt.Sprint(passwords.ComeBack))
		v, _ = refuse(v, http.StatusServiceUnavailable, texts.In(v.Lang).Plural("portal.error.line_full", passwords.ComeBack))
		return v, p.throttle.Forget(r.Context(), *s.Pending)
	}
	if err != nil {
		return v, err
	}
	if !good || unknown || !v.Form.fits(a) {
		return p.wrong(r, s, v, a)
	}
	if a.Disabled { // whoever knows the password may know that
		p.audit.Record(r, store.AuditEvent{Event: auditlog.LoginDisabled, Account: a.ID, Name: a.Name, Certificate: s.Pending.Certificate})
		return disabled(v)
	}
	err = p.store.Confirmable(r.Context(), s.Hash, a.ID, a.Password)
	if errors.Is(err, store.ErrPasswordReplaced) { // while this one waited its turn
		return p.wrong(r, s, v, a)
	}
	if err != nil {
		return v, err
	}
	if better != "" {
		if err := p.store.SetPassword(r.Context(), a.ID, a.Password, better); err != nil {
			return v, err
		}
	}
	if err := p.throttle.Forget(r.Context(), *s.Pending); err != nil {
		return v, err
	}
	return redirect(w, r, PathFirst+"/confirmation")
}

// wrong says that name and password do not go together, and writes it down.
func (p *Pages) wrong(r *http.Request, s *store.Session, v *view, a store.Account) (*view, error) {
	p.log.Info("password refused", "reason", "wrong", "certificate", s.Pending.Certificate)
	p.audit.Record(r, store.AuditEvent{Event: auditlog.PasswordRefused, Account: a.ID, Name: a.Name, Certificate: s.Pending.Certificate})
	return refuse(v, http.StatusForbidden, texts.In(v.Lang).Text("portal.error.credentials"))
}

// disabled says that an operator lets the account in no more.
func disabled(v *view) (*view, error) {
	return refuse(v, http.StatusForbidden, texts.In(v.Lang).Text("portal.error.disabled"))
}

// fits reports whether region and service, where filled in, are the account's:
// people leave out what they do not know.
func (f form) fits(a store.Account) bool {
	service := strings.TrimSpace(f.Service)
	return (service == "" || strings.EqualFold(service, a.Service)) && (f.Region == "" || a.Region == "" || f.Region == a.Region)
}

func refuse(v *view, status int, why string) (*view, error) {
	v.Status, v.Error = status, why
	return v, nil
}

// confirmation shows card and account before the one is attached to the other.
func (p *Pages) confirmation(w http.ResponseWriter, r *http.Request, s *store.Session, v *view) (*view, error) {
	if s == nil || s.Pending == nil || s.PendingAccount == 0 {
		return p.expired(w, r, v, "")
	}
	a, err := p.store.Account(r.Context(), s.PendingAccount)
	v.Page, v.Card, v.Confirm, v.Differ = "confirmation", s.Pending, a, names.Differ(s.Pending.Surname, a.Display)
	return v, err
}

// attach answers the confirmation. It attaches what the page showed: another tab may
// have entered another account's password since.
func (p *Pages) attach(w http.ResponseWriter, r *http.Request, s *store.Session, v *view) (*view, error) {
	if s == nil || !s.Confirmed && (s.Pending == nil || s.PendingAccount == 0) {
		if v.Account != nil { // the second of two clicks, with the cookie that the first one's answer had set
			return redirect(w, r, pathAttached)
		}
		return p.expired(w, r, v, "portal.undone.attach")
	}
	if !s.Confirmed && ofAnotherCard(r, v) {
		return otherCard(v, http.StatusConflict)
	}
	if !s.Confirmed && r.PostFormValue("account") != strconv.FormatInt(s.PendingAccount, 10) {
		return redirect(w, r, PathFirst+"/confirmation")
	}
	next, err := p.sessions.Confirm(w, r, s)
	switch {
	case errors.Is(err, store.ErrConfirmed) && next.Account != 0: // the second of two clicks
		p.log.Info("confirmed already")
		return redirect(w, r, pathAttached)
	case errors.Is(err, store.ErrConfirmed):
		p.log.Info("confirmed already")
		v.Page, v.Title, v.Note = "message", "portal.message.attached", texts.In(v.Lang).Text("portal.attached.already")
		v.Link, v.LinkText = PathSpace, "portal.attached.open"
		return v, nil
	case errors.Is(err, store.ErrExpired):
		return p.expired(w, r, v, "portal.undone.attach")
	case errors.Is(err, store.ErrAttachedElsewhere):
		p.audit.Record(r, store.AuditEvent{Event: auditlog.AttachRefused, Account: s.PendingAccount, Certificate: s.Pending.Certificate})
		v, err = p.confirmation(w, r, s, v)
		v.Status, v.Elsewhere, v.Error = http.StatusConflict, true, texts.In(v.Lang).Text("portal.error.attached_elsewhere")
		return v, err
	case isDisabled(err):
		v, err = p.confirmation(w, r, s, v)
		if err != nil {
			return v, err
		}
		return disabled(v)
	case err != nil:
		return v, err
	}
	p.log.Info("card attached", "account", next.Account, "card", next.Card)
	p.audit.Record(r, store.AuditEvent{Event: auditlog.Attached, Account: next.Account, Card: next.Card, Certificate: s.Pending.Certificate})
	return redirect(w, r, pathAttached)
}

func isDisabled(err error) bool {
	_, is := errors.AsType[*store.DisabledError](err)
	return is
}

// ofAnotherCard reports whether a request comes from a page that was shown for another
// card than the session's. A page of the person before may still be open at a shared
// workstation when the next one logs in: what it posts by itself, or what was typed
// there, is nothing of the new session's. A request that does not say is from no page of
// this session.
func ofAnotherCard(r *http.Request, v *view) bool {
	shown := r.PostFormValue("card")
	mine := shown != "" && (shown == v.CardID || shown == v.Watch)
	return v.CardID != "" && !mine
}

// otherCard says that nothing was done for a page of another card, and where to begin.
func otherCard(v *view, status int) (*view, error) {
	v.Path = "/" // the language's button leads home, as the message does: what was posted to may show no page
	v.Page, v.Title, v.Status, v.Error = "message", "portal.message.other_card", status, texts.In(v.Lang).Text("portal.error.other_card")
	return v, nil
}

// notMine drops the pending card, with its session.
func (p *Pages) notMine(w http.ResponseWriter, r *http.Request, s *store.Session, v *view) (*view, error) {
	if ofAnotherCard(r, v) {
		return otherCard(v, http.StatusConflict)
	}
	return p.endSession(w, r, s, v, "/")
}

func (p *Pages) logout(w http.ResponseWriter, r *http.Request, s *store.Session, v *view) (*view, error) {
	if ofAnotherCard(r, v) {
		return otherCard(v, http.StatusConflict)
	}
	return p.endSession(w, r, s, v, pathLoggedOut)
}

func (p *Pages) endSession(w http.ResponseWriter, r *http.Request, s *store.Session, v *view, to string) (*view, error) {
	if err := p.sessions.End(r.Context(), w, s); err != nil {
		return v, err
	}
	if s != nil && s.Account != 0 {
		p.audit.Record(r, store.AuditEvent{Event: auditlog.LoggedOut, Account: s.Account, Card: s.Card})
	}
	return redirect(w, r, to)
}
