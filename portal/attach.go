package portal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// view is a template's data.
type view struct {
	Page    string
	Title   texts.Key // of a message
	Lang    string
	Name    string // the site's
	Test    bool
	Path    string
	Account *account
	Status  int
	Error   string // already in the page's language
	Note    string // likewise, of a message that is no error
	// Link is where a message leads, with its text; "": to the home page.
	Link     string
	LinkText texts.Key

	Ports     [2]int
	Install   string // where to get the agent, or ""
	Origin    string // the site's own, for whoever must allow it
	Card      *card
	Mine      *attached // the card of this login
	Cards     []attached
	Confirm   account
	Regions   []Region
	Texts     *Texts
	Form      form
	Elsewhere bool
	Changed   bool
	LoggedOut bool // by the person
	Removed   bool // the card was removed, which ended the session

	// Watch is the certificate of the card that this page depends on, hex SHA-256;
	// OnRemoval is where the page posts when that card is removed. CardID is what the page
	// calls the card in what it posts: a renewed card keeps it.
	Watch, OnRemoval, CardID string
}

type form struct{ Region, Service, Username string }

// action answers a page's request: it returns a view, or nil once it has
// redirected.
type action func(w http.ResponseWriter, r *http.Request, s *session, v *view) (*view, error)

// page runs an action once it has read the session, the language and the account.
func (p *Portal) page(do action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := &view{
			Lang: p.lang(r), Name: p.settings.Name, Test: p.settings.testGroups(), Path: r.URL.Path, Status: http.StatusOK, Texts: p.settings.texts,
			Regions: p.settings.texts.Regions, Ports: [2]int{p.settings.CardLogin.PortsFirst, p.settings.CardLogin.PortsCount},
			Install: p.settings.CardLogin.InstallURL,
		}
		s, err := p.session(r)
		if err == nil && s != nil && s.Account != 0 {
			var a account
			a, err = p.store.account(r.Context(), s.Account)
			v.Account = &a
		}
		if err == nil {
			err = p.watched(r.Context(), s, v)
		}
		if err == nil {
			v, err = do(w, r, s, v)
		}
		if r.Context().Err() != nil {
			return // the browser is gone: a second click takes the first one's request back
		}
		if err != nil {
			p.log.Error("page failed", "path", r.URL.Path, "error", err)
			v = &view{Page: "message", Title: "portal.message.internal", Lang: p.lang(r), Name: p.settings.Name, Path: "/", Status: http.StatusInternalServerError, Texts: p.settings.texts}
			v.Error = texts.In(v.Lang).Text("portal.error.internal")
		}
		if v != nil {
			p.render(w, v)
		}
	}
}

// watched sets in the view which card, when removed from the reader, ends this
// session or drops the card pending in it.
func (p *Portal) watched(ctx context.Context, s *session, v *view) error {
	switch {
	case s == nil:
	case s.pending != nil:
		v.Watch, v.OnRemoval, v.CardID = s.pending.Certificate, pathFirst+"/pas-ma-carte", s.pending.Certificate
	case s.Account != 0:
		c, err := p.store.cardByID(ctx, s.Card)
		if errors.Is(err, errNotFound) {
			return nil // detached elsewhere
		}
		v.Watch, v.OnRemoval, v.CardID = c.Card.Certificate, pathLogout, strconv.FormatInt(s.Card, 10)
		return err
	}
	return nil
}

func (p *Portal) home(w http.ResponseWriter, r *http.Request, _ *session, v *view) (*view, error) {
	if r.URL.Query().Get("carte") == "autre" && v.CardID != "" {
		return otherCard(v, http.StatusOK)
	}
	if v.Account != nil {
		return redirect(w, r, pathSpace)
	}
	v.Page, v.Removed, v.LoggedOut = "home", r.URL.Query().Get("carte") == "retiree", r.URL.Query().Get("session") == "fermee"
	return v, nil
}

func redirect(w http.ResponseWriter, r *http.Request, to string) (*view, error) {
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil, nil
}

// expired is the page for someone who comes too late, or without a card. Who is logged
// in comes after the attachment, by a second click or by going back.
func (p *Portal) expired(w http.ResponseWriter, r *http.Request, v *view) (*view, error) {
	if v.Account != nil {
		return redirect(w, r, pathSpace)
	}
	v.Page, v.Title, v.Status, v.Error = "message", "portal.message.expired", http.StatusForbidden, texts.In(v.Lang).Text("portal.error.pending_expired")
	return v, nil
}

// first is the page of the first connection: it shows the card and the form.
func (p *Portal) first(w http.ResponseWriter, r *http.Request, s *session, v *view) (*view, error) {
	if s == nil || s.pending == nil {
		return p.expired(w, r, v)
	}
	v.Page, v.Card = "first", s.pending
	known, err := cardByKey(r.Context(), p.store.db, *s.pending)
	if err != nil && !errors.Is(err, errNotFound) {
		return v, err
	}
	v.Changed = err == nil && known.Card.Kind != s.pending.Kind
	return v, nil
}

// checkPassword is the password step. An unknown name and a wrong password get
// the same answer, after the same work.
func (p *Portal) checkPassword(w http.ResponseWriter, r *http.Request, s *session, v *view) (*view, error) {
	if s == nil || s.pending == nil {
		return p.expired(w, r, v)
	}
	if ofAnotherCard(r, v) { // no password of the one for the card of the other
		return otherCard(v, http.StatusConflict)
	}
	v, err := p.first(w, r, s, v)
	if err != nil {
		return v, err
	}
	v.Form = form{Region: r.PostFormValue("region"), Service: r.PostFormValue("service"), Username: strings.TrimSpace(r.PostFormValue("username"))}
	name, password := v.Form.Username, r.PostFormValue("password")
	if len(name) > 200 || name == "" || password == "" {
		return refuse(v, http.StatusUnprocessableEntity, texts.In(v.Lang).Text("portal.error.missing"))
	}
	wait, err := p.throttle.begin(r.Context(), *s.pending)
	if err != nil {
		return v, err
	}
	if wait > 0 {
		p.log.Warn("password refused", "reason", "card_slowed", "certificate", s.pending.Certificate, "wait", wait)
		seconds := int(math.Ceil(wait.Seconds()))
		w.Header().Set("Retry-After", fmt.Sprint(seconds))
		return refuse(v, http.StatusTooManyRequests, texts.In(v.Lang).Plural("portal.error.throttled", seconds))
	}
	a, err := p.store.accountByName(r.Context(), name)
	unknown := errors.Is(err, errNotFound)
	if err != nil && !unknown {
		return v, err
	}
	if unknown {
		a.password = decoy
	}
	good, err := p.hashing.check(r.Context(), a.password, password)
	if errors.Is(err, errLineFull) {
		p.log.Warn("password refused", "reason", "line_full")
		w.Header().Set("Retry-After", fmt.Sprint(comeBack))
		v, _ = refuse(v, http.StatusServiceUnavailable, texts.In(v.Lang).Plural("portal.error.line_full", comeBack))
		return v, p.throttle.forget(r.Context(), *s.pending)
	}
	if err != nil {
		return v, err
	}
	if !good || unknown || !v.Form.fits(a) {
		p.log.Info("password refused", "reason", "wrong", "certificate", s.pending.Certificate)
		return refuse(v, http.StatusForbidden, texts.In(v.Lang).Text("portal.error.credentials"))
	}
	if err := p.throttle.forget(r.Context(), *s.pending); err != nil {
		return v, err
	}
	if err := p.setPendingAccount(r.Context(), s, a.ID); err != nil {
		return v, err
	}
	return redirect(w, r, pathFirst+"/confirmation")
}

// fits reports whether region and service, where filled in, are the account's:
// people leave out what they do not know.
func (f form) fits(a account) bool {
	service := strings.TrimSpace(f.Service)
	return (service == "" || strings.EqualFold(service, a.Service)) && (f.Region == "" || a.Region == "" || f.Region == a.Region)
}

func refuse(v *view, status int, why string) (*view, error) {
	v.Status, v.Error = status, why
	return v, nil
}

// confirmation shows card and account before the one is attached to the other.
func (p *Portal) confirmation(w http.ResponseWriter, r *http.Request, s *session, v *view) (*view, error) {
	if s == nil || s.pending == nil || s.pendingAccount == 0 {
		return p.expired(w, r, v)
	}
	a, err := p.store.account(r.Context(), s.pendingAccount)
	v.Page, v.Card, v.Confirm = "confirmation", s.pending, a
	return v, err
}

// attach answers the confirmation. It attaches what the page showed: another tab may
// have entered another account's password since.
func (p *Portal) attach(w http.ResponseWriter, r *http.Request, s *session, v *view) (*view, error) {
	if s == nil || !s.confirmed && (s.pending == nil || s.pendingAccount == 0) {
		return p.expired(w, r, v)
	}
	if !s.confirmed && ofAnotherCard(r, v) {
		return otherCard(v, http.StatusConflict)
	}
	if !s.confirmed && r.PostFormValue("account") != strconv.FormatInt(s.pendingAccount, 10) {
		return redirect(w, r, pathFirst+"/confirmation")
	}
	next, err := s, errConfirmed
	if !s.confirmed {
		next, err = p.confirm(r.Context(), s)
	}
	switch {
	case errors.Is(err, errConfirmed):
		p.log.Info("confirmed already")
		v.Page, v.Title, v.Note = "message", "portal.message.attached", texts.In(v.Lang).Text("portal.attached.already")
		v.Link, v.LinkText = pathSpace, "portal.attached.open"
		return v, nil
	case errors.Is(err, errExpired):
		return p.expired(w, r, v)
	case errors.Is(err, errAttachedElsewhere):
		v, err = p.confirmation(w, r, s, v)
		v.Status, v.Elsewhere, v.Error = http.StatusConflict, true, texts.In(v.Lang).Text("portal.error.attached_elsewhere")
		return v, err
	case err != nil:
		return v, err
	}
	p.log.Info("card attached", "account", next.Account, "card", next.Card)
	p.setSession(w, next)
	return redirect(w, r, pathSpace)
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
func (p *Portal) notMine(w http.ResponseWriter, r *http.Request, s *session, v *view) (*view, error) {
	if ofAnotherCard(r, v) {
		return otherCard(v, http.StatusConflict)
	}
	return p.endSession(w, r, s, v, "/")
}

func (p *Portal) logout(w http.ResponseWriter, r *http.Request, s *session, v *view) (*view, error) {
	if ofAnotherCard(r, v) {
		return otherCard(v, http.StatusConflict)
	}
	return p.endSession(w, r, s, v, pathLoggedOut)
}

func (p *Portal) endSession(w http.ResponseWriter, r *http.Request, s *session, v *view, to string) (*view, error) {
	if s != nil {
		if err := drop(r.Context(), p.store.db, s); err != nil {
			return v, err
		}
	}
	http.SetCookie(w, &http.Cookie{
		Name: p.cookieName(), Path: "/", HttpOnly: true, Secure: p.settings.https(), SameSite: http.SameSiteLaxMode, MaxAge: -1,
		Expires: time.Unix(1, 0),
	})
	return redirect(w, r, to)
}
