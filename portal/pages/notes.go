package pages

import (
	"net/http"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// What has just happened is said on the page that a form leads to, whose address names it.
const (
	detachedHere = "?carte=detachee"
	pathAttached = PathSpace + "?carte=rattachee"
	pathDetached = "/?carte=detachee"
	// pathLoggedOut is the home page, saying that the session was ended.
	pathLoggedOut  = "/?session=fermee"
	pathEverywhere = "/?session=partout"
	pathEnded      = "/?session=finie"
)

// note is what a page says, and its title where the page is about nothing else.
type note struct{ text, title texts.Key }

var homeNotes = map[string]note{
	"carte=retiree":   {"portal.home.removed", "portal.title.removed"},
	"carte=detachee":  {"portal.home.detached", "portal.title.detached"},
	"session=fermee":  {"portal.home.logged_out", "portal.title.logged_out"},
	"session=partout": {"portal.home.everywhere", "portal.title.everywhere"},
	"session=finie":   {"portal.home.ended", "portal.title.ended"},
}

var spaceNotes = map[string]note{
	"carte=rattachee": {"portal.space.now_attached", ""},
	"carte=detachee":  {"portal.space.now_detached", ""},
	"session=une":     {"portal.space.one_ended", ""},
	"session=autres":  {"portal.space.others_ended", ""},
}

// noteOf is the note that the request's address names, and sets the view's title. A link on
// another site makes the pages say nothing.
func (p *Pages) noteOf(r *http.Request, v *view, notes map[string]note) string {
	n, known := notes[r.URL.RawQuery]
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		known = false
	}
	if !known {
		return ""
	}
	v.Title = n.title
	return texts.In(v.Lang).Text(n.text)
}

// gone answers who is not logged in, or not any more: then the page says so, and what was not
// done, "" where nothing was to be.
func (p *Pages) gone(w http.ResponseWriter, r *http.Request, v *view, undone texts.Key) (*view, error) {
	switch {
	case !v.Ended:
		return redirect(w, r, "/")
	case undone == "":
		return redirect(w, r, pathEnded)
	}
	say := texts.In(v.Lang)
	v.Path = "/"
	v.Page, v.Title, v.Status, v.Error = "message", "portal.title.ended", http.StatusForbidden, say.Text("portal.home.ended")+" "+say.Text(undone)
	return v, nil
}

// twice is gone, for a form after which a session ends: the second of two clicks finds it ended
// by the first, and gets the answer that the browser did not wait for.
func (p *Pages) twice(w http.ResponseWriter, r *http.Request, v *view, what, done string, undone texts.Key) (*view, error) {
	first, err := p.sessions.Done(r, what)
	switch {
	case err != nil:
		return v, err
	case first:
		return redirect(w, r, done)
	}
	return p.gone(w, r, v, undone)
}

// expired is the page for someone who comes too late, or without a card, and says what was not
// done. Who is logged in comes after the attachment, by a second click or by going back.
func (p *Pages) expired(w http.ResponseWriter, r *http.Request, v *view, undone texts.Key) (*view, error) {
	if v.Account != nil {
		return redirect(w, r, PathSpace)
	}
	say := texts.In(v.Lang)
	v.Page, v.Title, v.Status, v.Error = "message", "portal.message.expired", http.StatusForbidden, say.Text("portal.error.pending_expired")
	if undone != "" {
		v.Error += " " + say.Text(undone)
	}
	return v, nil
}

// Foreign is the page for a form of another site.
func (p *Pages) Foreign(w http.ResponseWriter, r *http.Request) {
	v := p.nobodys(r)
	v.Path = "/"
	v.Page, v.Title, v.Status, v.Error = "message", "portal.message.foreign", http.StatusForbidden, texts.In(v.Lang).Text("portal.error.foreign")
	p.render(w, v)
}
