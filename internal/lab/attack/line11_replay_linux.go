package attack

import "fmt"

func line11() []Attack {
	return []Attack{{Line: 11, Title: "a token is sent from another browser, and twice", Short: true, Play: relayedToken}}
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
