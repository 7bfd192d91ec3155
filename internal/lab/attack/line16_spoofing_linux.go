package attack

import (
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

func line16() []Attack {
	return []Attack{{
		Line: 16, Title: "origins that are to pass for a known site", Short: true,
		Options: stack.Options{AgentOnly: true, Ask: true, AutoPIN: map[string]any{"pin": []string{"1234"}, "confirm": []string{"notok"}}},
		Play:    spoofOrigin,
	}}
}

// spoofOrigin asks from origins that are long, in another script, or begin as a known one
// does. What is no origin as browsers write it never gets as far as a dialog. Two dialogs
// only, because the third pauses all.
func spoofOrigin(w *World, r *Record) error {
	for _, hostile := range []string{
		"https://portail.example.fr\u202e.moc.elibatne", "https://portail.ex\u0430mple.fr", "https://<b>portail</b>.example.fr", "https://portail.example.fr@hostile.test",
		"https://portail.example.fr%0ahostile.test", "https://" + strings.Repeat("a", 64) + ".example.fr",
	} {
		_, response, err := w.Dial(hostile, nil)
		if response == nil {
			return err
		}
		r.Check(response.StatusCode == 403 || response.StatusCode == 400, "an origin of other characters", "%d", response.StatusCode)
	}
	r.Check(w.consents() == 0, "dialogs of what is no origin", "%d", w.consents())
	for _, c := range []struct{ origin, shown string }{
		{"https://" + strings.Repeat("portail.example.fr.", 11) + "hostile.test:8443", "hostile.test:8443"},
		{"https://xn--exmple-4nf.fr", "https://xn--exmple-4nf.fr"},
	} {
		before := w.consents()
		code, err := w.Asks(c.origin)
		if err != nil {
			return err
		}
		all := w.Dialogs()
		text := ""
		for _, line := range all {
			if strings.HasPrefix(line, "SETDESC ") {
				text = line // the last one
			}
		}
		held := code == 1002 && w.consents() == before+1 && strings.Contains(text, c.shown+"%0A") && len(text) < 1000
		r.Check(held, "an origin that begins as a known one", "the dialog says %.120q", text)
	}
	return nil
}
