package attack

import (
	"fmt"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

func line22Never() []Attack {
	return []Attack{{
		Line: 22, Title: "sixty names of a site that was refused for good", Short: true,
		Options: stack.Options{AgentOnly: true, Others: true, AutoPIN: map[string]any{"pin": []string{"1234"}, "confirm": []string{"notok"}}},
		Play:    askAfterNever,
	}}
}

const refusedDomain = "hostile.test"

// askAfterNever has sixty pages of a domain ask that the person refused for good, and one
// more after that was taken back. There is no keyring, so it holds in the agent alone.
func askAfterNever(w *World, r *Record) error {
	sites := func(args ...string) string {
		args = append([]string{"sites"}, append(args, "--config", w.Path("agent.toml"))...)
		out, _ := w.Command(w.Context, "cpx-agent", args...).CombinedOutput() // its output says more than the error
		return string(out)
	}
	before, err := w.Asks("https://before." + refusedDomain)
	if err != nil {
		return err
	}
	asked := w.consents()
	r.Check(before == 1002 && asked == 1, "a request before it", "%d after %d dialogs", before, asked)
	said := sites("never", refusedDomain)
	for i := range 60 {
		code, err := w.Asks(fmt.Sprintf("https://f%d.%s:%d", i, refusedDomain, 8000+i))
		if err != nil {
			return err
		}
		r.Check(code == 1002, "a request after it", "%d", code)
	}
	r.Check(w.consents() == asked, "dialogs after it", "%d more (%s)", w.consents()-asked, strings.TrimSpace(said))
	r.Check(strings.Contains(w.Log(), "never for "+refusedDomain), "the log", "it says never for %s", refusedDomain)
	err = w.Login()
	r.Check(err == nil, "the portal's login meanwhile", "%v", err)
	other, err := w.Asks("https://" + refusedDomain + ".example")
	if err != nil {
		return err
	}
	r.Check(other == 1002 && w.consents() == asked+1, "a domain that only begins so", "%d after %d more dialogs", other, w.consents()-asked)
	sites("forget", refusedDomain)
	afterwards, err := w.Asks("https://f0." + refusedDomain)
	if err != nil {
		return err
	}
	r.Check(afterwards == 1002 && w.consents() == asked+2, "a request after it was taken back", "%d after %d more dialogs", afterwards, w.consents()-asked)
	return nil
}

// Asks has a page ask for a login and returns the code of the answer, 0 for a token.
func (w *World) Asks(origin string) (int, error) {
	p, _, err := w.Dial(origin, nil)
	if err != nil {
		return 0, err
	}
	defer p.Socket.Close()
	a, err := p.Call("authenticate", map[string]any{"challengeNonce": Nonce(), "lang": "fr"})
	if err != nil || a.Error == nil {
		return 0, err
	}
	return a.Error.Code, nil
}
