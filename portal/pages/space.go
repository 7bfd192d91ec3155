package pages

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/portal/auditlog"
	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// opened is a session of the account, as the space shows it.
type opened struct {
	store.Session
	ID  string // by which its form names it: the hash, which opens nothing
	Own bool   // it is the one of this page
	By  store.Attached
}

// space is the professional's own page.
func (p *Pages) space(w http.ResponseWriter, r *http.Request, s *store.Session, v *view) (*view, error) {
	if v.Account == nil {
		return p.gone(w, r, v, "")
	}
	v.Page = "space"
	if err := p.withCards(r, s, v); err != nil {
		return v, err
	}
	list, err := p.sessions.List(r.Context(), s)
	for _, one := range list {
		row := opened{Session: one, ID: hex.EncodeToString(one.Hash), Own: bytes.Equal(one.Hash, s.Hash)}
		for _, c := range v.Cards {
			if c.ID == one.Card {
				row.By = c
			}
		}
		v.Sessions = append(v.Sessions, row)
	}
	v.Note = p.noteOf(r, v, spaceNotes)
	// By now, of a page that is opened anew long after, it would be no news.
	if v.Mine != nil && r.URL.Query().Get("carte") == "rattachee" && p.sessions.Now().Sub(v.Mine.Attached) > justNow {
		v.Note = ""
	}
	return v, err
}

// justNow is how long the space says that a card was attached.
const justNow = 5 * time.Minute

func (p *Pages) withCards(r *http.Request, s *store.Session, v *view) error {
	cards, err := p.store.Cards(r.Context(), v.Account.ID)
	v.Cards = cards
	for i := range cards {
		if cards[i].ID == s.Card {
			v.Mine = &cards[i]
		}
	}
	return err
}

// askDetach asks for confirmation before a card is detached.
func (p *Pages) askDetach(w http.ResponseWriter, r *http.Request, s *store.Session, v *view) (*view, error) {
	if v.Account == nil {
		return p.gone(w, r, v, "")
	}
	if err := p.withCards(r, s, v); err != nil {
		return v, err
	}
	for _, c := range v.Cards {
		if strconv.FormatInt(c.ID, 10) == r.PathValue("id") {
			v.Page, v.Cards = "detach", []store.Attached{c}
			return v, nil
		}
	}
	return p.missing(w, r, s, v)
}

// detach detaches the card, which ends all sessions that it opened, this one too where
// it is the card of this login. A second click finds it done.
func (p *Pages) detach(w http.ResponseWriter, r *http.Request, s *store.Session, v *view) (*view, error) {
	if v.Account == nil {
		return p.twice(w, r, v, store.DoneDetached, pathDetached, "portal.undone.detach")
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return p.missing(w, r, s, v)
	}
	ended, err := p.store.Detach(r.Context(), *s, id, p.sessions.Now())
	if errors.Is(err, store.ErrNotFound) && id == s.Card {
		v.Account, v.Ended = nil, true
		return p.twice(w, r, v, store.DoneDetached, pathDetached, "portal.undone.detach")
	}
	if errors.Is(err, store.ErrNotFound) { // or never was this account's: the space shows what there is
		return redirect(w, r, PathSpace+detachedHere)
	}
	if err != nil {
		return v, err
	}
	p.log.Info("card detached", "account", v.Account.ID, "card", id, "sessions_ended", ended)
	p.audit.Record(r, store.AuditEvent{Event: auditlog.Detached, Account: v.Account.ID, Name: v.Account.Name, Card: id})
	if id == s.Card {
		return redirect(w, r, pathDetached) // the cookie opens nothing more, and a second click is known by it
	}
	return redirect(w, r, PathSpace+detachedHere)
}

// endOne ends a session that the space shows. A second click finds it ended.
func (p *Pages) endOne(w http.ResponseWriter, r *http.Request, s *store.Session, v *view) (*view, error) {
	if v.Account == nil {
		return p.gone(w, r, v, "portal.undone.sessions")
	}
	if ofAnotherCard(r, v) {
		return otherCard(v, http.StatusConflict)
	}
	hash, err := hex.DecodeString(r.PostFormValue("session"))
	if err != nil || bytes.Equal(hash, s.Hash) { // its own is ended by logging out
		return redirect(w, r, PathSpace)
	}
	if err := p.store.EndOneSession(r.Context(), *s, hash); err != nil {
		return v, err
	}
	p.log.Info("session ended by its person", "account", v.Account.ID)
	p.audit.Record(r, store.AuditEvent{Event: auditlog.SessionsEnded, Account: v.Account.ID, Name: v.Account.Name, Card: s.Card})
	return redirect(w, r, PathSpace+"?session=une")
}

// endOthers ends all sessions of the account but this one.
func (p *Pages) endOthers(w http.ResponseWriter, r *http.Request, s *store.Session, v *view) (*view, error) {
	return p.endSessions(w, r, s, v, true)
}

// endAll logs the person out everywhere.
func (p *Pages) endAll(w http.ResponseWriter, r *http.Request, s *store.Session, v *view) (*view, error) {
	return p.endSessions(w, r, s, v, false)
}

func (p *Pages) endSessions(w http.ResponseWriter, r *http.Request, s *store.Session, v *view, others bool) (*view, error) {
	if v.Account == nil {
		return p.twice(w, r, v, store.DoneEverywhere, pathEverywhere, "portal.undone.sessions")
	}
	if ofAnotherCard(r, v) {
		return otherCard(v, http.StatusConflict)
	}
	ended, err := p.store.EndOpenSessions(r.Context(), *s, others, p.sessions.Now())
	if errors.Is(err, store.ErrNotFound) {
		v.Account, v.Ended = nil, true
		return p.twice(w, r, v, store.DoneEverywhere, pathEverywhere, "portal.undone.sessions")
	}
	if err != nil {
		return v, err
	}
	p.log.Info("sessions ended by their person", "account", v.Account.ID, "sessions_ended", ended, "others", others)
	p.audit.Record(r, store.AuditEvent{Event: auditlog.SessionsEnded, Account: v.Account.ID, Name: v.Account.Name, Card: s.Card})
	if others {
		return redirect(w, r, PathSpace+"?session=autres")
	}
	return redirect(w, r, pathEverywhere) // the cookie stays, as after detaching
}

func (p *Pages) support(_ http.ResponseWriter, _ *http.Request, _ *store.Session, v *view) (*view, error) {
	v.Page = "support"
	return v, nil
}

// help says how to cure what keeps the page from the agent. The page's library leads
// there, to the part that is named as its reason.
func (p *Pages) help(_ http.ResponseWriter, _ *http.Request, _ *store.Session, v *view) (*view, error) {
	v.Page, v.Origin = "help", p.settings.Origin
	return v, nil
}

// backHome is for who opens an address that only forms are sent to.
func (p *Pages) backHome(w http.ResponseWriter, r *http.Request, _ *store.Session, _ *view) (*view, error) {
	return redirect(w, r, "/")
}

func (p *Pages) missing(_ http.ResponseWriter, _ *http.Request, _ *store.Session, v *view) (*view, error) {
	v.Page, v.Title, v.Status, v.Error = "message", "portal.message.not_found", http.StatusNotFound, texts.In(v.Lang).Text("portal.error.not_found")
	return v, nil
}

// selfTestPage tests the workstation that it is opened on, for whoever opens it.
func (p *Pages) selfTestPage(_ http.ResponseWriter, _ *http.Request, _ *store.Session, v *view) (*view, error) {
	v.Page = "selftest"
	return v, nil
}
