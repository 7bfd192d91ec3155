package pages

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/cpx-bridge/cpx-bridge/internal/reference"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/portal/answers"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// view is a template's data.
type view struct {
	Page    string
	Title   texts.Key // of a message, and of a page about what has just happened
	Lang    string
	Name    string // the site's
	Test    bool
	Path    string
	Account *store.Account
	Status  int
	Error   string // already in the page's language
	Note    string // likewise, of a message that is no error
	// Link is where a message leads, with its text; "": to the home page.
	Link     string
	LinkText texts.Key

	Ports     [2]int
	Install   string // where to get the agent, or ""
	Origin    string // the site's own, for whoever must allow it
	Card      *store.Card
	Mine      *store.Attached // the card of this login
	Cards     []store.Attached
	Confirm   store.Account
	Regions   []settings.Region
	Texts     *settings.Texts
	Form      form
	Sessions  []opened
	Elsewhere bool
	Changed   bool
	Differ    bool // card and account bear different surnames
	Ended     bool // the browser brought the cookie of a session that has ended

	// Watch is the certificate of the card that this page depends on, hex SHA-256;
	// OnRemoval is where the page posts when that card is removed. CardID is what the page
	// calls the card in what it posts: a renewed card keeps it.
	Watch, OnRemoval, CardID string
}

type form struct{ Region, Service, Username string }

// action answers a page's request: it returns a view, or nil once it has
// redirected.
type action func(w http.ResponseWriter, r *http.Request, s *store.Session, v *view) (*view, error)

// nobodys is a page's view before anything is known of who asks for it.
func (p *Pages) nobodys(r *http.Request) *view {
	return &view{
		Lang: answers.Language(r), Name: p.settings.Name, Test: p.settings.TestGroups(), Path: r.URL.Path, Status: http.StatusOK, Texts: p.settings.OperatorTexts(),
		Regions: p.settings.OperatorTexts().Regions, Ports: [2]int{p.settings.CardLogin.PortsFirst, p.settings.CardLogin.PortsCount},
		Install: p.settings.CardLogin.InstallURL,
	}
}

// page runs an action once it has read the session, the language and the account.
func (p *Pages) page(do action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := p.nobodys(r)
		s, err := p.sessions.Of(r)
		_, none := r.Cookie(p.sessions.CookieName())
		v.Ended = err == nil && s == nil && none == nil
		if err == nil && s != nil && s.Account != 0 {
			var a store.Account
			a, err = p.store.Account(r.Context(), s.Account)
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
			p.Failed(w, r, err)
			return
		}
		if v != nil {
			p.render(w, v)
		}
	}
}

// Failed is the page for what failed inside, which the log has.
func (p *Pages) Failed(w http.ResponseWriter, r *http.Request, err error) {
	ref := reference.New()
	p.log.Error("page failed", "path", r.URL.Path, reference.Key, ref, "error", err)
	v := p.nobodys(r)
	v.Page, v.Title, v.Path, v.Status = "message", "portal.message.internal", "/", http.StatusInternalServerError
	v.Error = texts.In(v.Lang).Text("portal.error.internal", ref)
	p.render(w, v)
}

// watched sets in the view which card, when removed from the reader, ends this
// session or drops the card pending in it.
func (p *Pages) watched(ctx context.Context, s *store.Session, v *view) error {
	switch {
	case s == nil:
	case s.Pending != nil:
		v.Watch, v.OnRemoval, v.CardID = s.Pending.Certificate, PathFirst+"/pas-ma-carte", s.Pending.Certificate
	case s.Account != 0:
		c, err := p.store.CardByID(ctx, s.Card)
		if errors.Is(err, store.ErrNotFound) {
			return nil // detached elsewhere
		}
		v.Watch, v.OnRemoval, v.CardID = c.Card.Certificate, pathLogout, strconv.FormatInt(s.Card, 10)
		return err
	}
	return nil
}
