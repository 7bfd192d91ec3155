package attack

import (
	"fmt"
	"strings"
)

func line11() []Attack {
	return []Attack{
		{Line: 11, Title: "a token is sent from another browser, and twice", Short: true, Play: relayedToken},
		{Line: 11, Title: "a token for another site or over a foreign nonce is sent", Short: true, Play: foreignToken},
	}
}

// foreignToken sends what a card signed at another site, or over a nonce that the
// portal did not make.
func foreignToken(w *World, r *Record) error {
	card, err := w.card(1)
	if err != nil {
		return err
	}
	for what, at := range map[string]string{"of another site": "https://evil.example", "of its own name on https": strings.Replace(w.Origin, "http:", "https:", 1), "over a nonce of nobody": ""} {
		v := w.visitor()
		challenge, err := v.get("/auth/challenge")
		if err != nil {
			return err
		}
		if at == "" {
			at, challenge.Nonce = w.Origin, Nonce()
		}
		token, err := card.token(at, challenge.Nonce)
		if err != nil {
			return err
		}
		before := w.PortalLog("reason=bad_signature ")
		got, err := v.send(token)
		if err != nil {
			return err
		}
		logged := w.PortalLog("reason=bad_signature ") - before
		r.Check(got.Reason == "bad_signature" && logged == 1, "a token "+what, "%d %s, %d lines of the log", got.Status, got.Reason+got.Next, logged)
	}
	return nil
}

// relayedToken relays the token of a real agent and card.
func relayedToken(w *World, r *Record) error {
	person, relay := w.visitor(), w.visitor()
	challenge, err := person.get("/auth/challenge")
	if err != nil {
		return err
	}
	if _, err := relay.get("/auth/challenge"); err != nil {
		return err
	}
	page, _, err := w.Dial(w.Origin, nil)
	if err != nil {
		return err
	}
	defer page.Socket.Close()
	a, err := page.Call("authenticate", map[string]any{"challengeNonce": challenge.Nonce, "lang": "fr"})
	if err != nil || a.Error != nil {
		return fmt.Errorf("no token: %+v %w", a.Error, err)
	}
	repeated := w.visitor()
	repeated.client.Jar.SetCookies(person.site(), person.client.Jar.Cookies(person.site()))
	for _, c := range []struct {
		what, reason string
		from         *visitor
	}{
		{"from a browser with a challenge of its own", "bad_signature", relay},
		{"from a browser without one", "no_session", w.visitor()},
		{"from its own browser", "", person},
		{"from its own browser, again", "challenge_expired", person},
		{"with its browser's cookies of before", "challenge_expired", repeated},
	} {
		before := w.PortalLog("reason=" + c.reason + " ")
		got, err := c.from.send(a.Result)
		if err != nil {
			return err
		}
		logged := c.reason == "" || w.PortalLog("reason="+c.reason+" ") == before+1
		r.Check(got.Reason == c.reason && logged, "a token "+c.what, "%d %s, in the log: %v", got.Status, got.Reason+got.Next, logged)
	}
	return nil
}
