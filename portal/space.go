package portal

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// space is the professional's own page.
func (p *Portal) space(w http.ResponseWriter, r *http.Request, s *session, v *view) (*view, error) {
	if v.Account == nil {
		return redirect(w, r, "/")
	}
	v.Page = "space"
	return v, p.withCards(r, s, v)
}

func (p *Portal) withCards(r *http.Request, s *session, v *view) error {
	cards, err := p.store.cards(r.Context(), v.Account.ID)
	v.Cards = cards
	for i := range cards {
		if cards[i].ID == s.Card {
			v.Mine = &cards[i]
		}
	}
	return err
}

// askDetach asks for confirmation before a card is detached.
func (p *Portal) askDetach(w http.ResponseWriter, r *http.Request, s *session, v *view) (*view, error) {
	if v.Account == nil {
		return redirect(w, r, "/")
	}
	if err := p.withCards(r, s, v); err != nil {
		return v, err
	}
	for _, c := range v.Cards {
		if strconv.FormatInt(c.ID, 10) == r.PathValue("id") {
			v.Page, v.Cards = "detach", []attached{c}
			return v, nil
		}
	}
	return p.missing(w, r, s, v)
}

// detach detaches the card, which ends all sessions that it opened, this one too where
// it is the card of this login.
func (p *Portal) detach(w http.ResponseWriter, r *http.Request, s *session, v *view) (*view, error) {
	if v.Account == nil {
		return redirect(w, r, "/")
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return p.missing(w, r, s, v)
	}
	ended, err := p.store.detach(r.Context(), s, id)
	if errors.Is(err, errNotFound) { // or never was this account's: the space shows what there is
		return redirect(w, r, pathSpace)
	}
	if err != nil {
		return v, err
	}
	p.log.Info("card detached", "account", v.Account.ID, "card", id, "sessions_ended", ended)
	if id == s.Card {
		return p.endSession(w, r, s, v, pathLoggedOut)
	}
	return redirect(w, r, pathSpace)
}

func (p *Portal) support(_ http.ResponseWriter, _ *http.Request, _ *session, v *view) (*view, error) {
	v.Page = "support"
	return v, nil
}

// help says how to cure what keeps the page from the agent. The page's library leads
// there, to the part that is named as its reason.
func (p *Portal) help(_ http.ResponseWriter, _ *http.Request, _ *session, v *view) (*view, error) {
	v.Page, v.Origin = "help", p.settings.Origin
	return v, nil
}

func (p *Portal) missing(_ http.ResponseWriter, _ *http.Request, _ *session, v *view) (*view, error) {
	v.Page, v.Title, v.Status, v.Error = "message", "portal.message.not_found", http.StatusNotFound, texts.In(v.Lang).Text("portal.error.not_found")
	return v, nil
}
