package attack

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

func line28() []Attack {
	return []Attack{{Line: 28, Title: "its finder is logged in when its owner detaches it", Short: true, Play: lostCard}}
}

var detachLink = regexp.MustCompile(`href="(/cartes/\d+/detacher)"`)

func lostCard(w *World, r *Record) error {
	lost, err := w.card(1)
	if err != nil {
		return err
	}
	fresh, err := w.card(2)
	if err != nil {
		return err
	}
	owner, finder := w.visitor(), w.visitor()
	if err := owner.attach(lost, stack.Username, stack.Password); err != nil {
		return err
	}
	if a, err := finder.login(lost); err != nil || a.Next != "/espace" {
		return fmt.Errorf("the lost card does not log in: %d %w", a.Status, err)
	}
	if err := owner.attach(fresh, stack.Username, stack.Password); err != nil {
		return err
	}
	page, err := owner.get("/espace")
	if err != nil {
		return err
	}
	links := detachLink.FindAllStringSubmatch(page.Text, -1)
	if len(links) != 2 {
		return fmt.Errorf("%d cards in the space", len(links))
	}
	a, err := owner.post(links[0][1], nil)
	if err != nil {
		return err
	}
	r.Check(strings.HasPrefix(a.Location, "/espace") && w.PortalLog("sessions_ended=1") == 1, "the owner detaches it", "%d to %s, %d lines of the log name one session that ended", a.Status, a.Location, w.PortalLog("sessions_ended=1"))
	for _, path := range []string{links[1][1], links[0][1]} {
		a, err := finder.post(path, nil)
		if err != nil {
			return err
		}
		r.Check(a.Status == http.StatusForbidden || strings.HasPrefix(a.Location, "/?"), "the finder posts to "+path, "%d to %s", a.Status, a.Location)
	}
	if a, err = finder.get("/espace"); err != nil {
		return err
	}
	r.Check(strings.HasPrefix(a.Location, "/?"), "the finder opens the space", "%d to %s", a.Status, a.Location)
	if a, err = finder.login(lost); err != nil {
		return err
	}
	r.Check(a.Next == "/premiere-connexion", "the finder logs in anew", "%d to %s, where the password is asked for", a.Status, a.Next)
	if a, err = finder.get("/premiere-connexion/confirmation"); err != nil {
		return err
	}
	r.Check(a.Status == 403, "the finder confirms without a password", "%d", a.Status)
	if a, err = owner.login(fresh); err != nil {
		return err
	}
	r.Check(a.Next == "/espace", "the owner's new card", "%d to %s", a.Status, a.Next)
	return nil
}
