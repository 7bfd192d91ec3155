package attack

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

func line01() []Attack {
	return []Attack{{
		Line: 1, Title: "what is no origin, and what looks like an allowed one", Short: true,
		Options: stack.Options{AgentOnly: true},
		Play:    strangeOrigins,
	}, {
		Line: 1, Title: "a look-alike where any site may ask", Short: true,
		Options: stack.Options{AgentOnly: true, Ask: true, AutoPIN: map[string]any{"pin": []string{}, "confirm": []string{"cancel"}}},
		Play:    similarSiteAsks,
	}}
}

// strangeOrigins states origins that browsers do not write, and others than the portal's.
func strangeOrigins(w *World, r *Record) error {
	for _, c := range []struct {
		reason  string
		origins []string
	}{
		{"origin_count", nil},
		{"origin_count", []string{w.Origin, w.Origin}},
		{"origin_malformed", []string{"null"}},
		{"origin_malformed", []string{""}},
		{"origin_malformed", []string{"file://"}},
		{"origin_malformed", []string{"chrome-extension://abcdefghijklmnopabcdefghijklmnop"}},
		{"origin_malformed", []string{"moz-extension://8a1c4d6e-0000-4000-8000-000000000000"}},
		{"origin_malformed", []string{strings.ToUpper(w.Origin)}},
		{"origin_malformed", []string{w.Origin + "/"}},
		{"origin_malformed", []string{w.Origin + "."}},
		{"origin_malformed", []string{"https://portail.example.fr:443"}},
		{"origin_malformed", []string{"https://portail.example.fr."}},
		{"origin_malformed", []string{"https://portail@example.fr"}},
		{"origin_malformed", []string{w.Origin + " https://evil.example"}},
		{"origin_malformed", []string{"https://pörtail.example.fr"}},
		{"origin_not_listed", []string{"https://localhost"}},
		{"origin_not_listed", []string{"http://localhost:1"}},
		{"origin_not_listed", []string{"https://localhost.evil.example"}},
		{"origin_not_listed", []string{"https://evil-localhost"}},
		{"origin_not_listed", []string{"https://xn--lcalhost-54a"}},
	} {
		before := w.Refused(c.reason)
		header := http.Header{}
		if c.origins != nil {
			header["Origin"] = c.origins
		}
		page, response, err := w.Dial("", header)
		if err == nil {
			_ = page.Socket.Close()
		}
		if response == nil {
			return err
		}
		tried := fmt.Sprintf("the origin %q", c.origins)
		r.Check(err != nil && response.StatusCode == http.StatusForbidden && response.ContentLength == 0, tried, "%d", response.StatusCode)
		r.Check(w.Refused(c.reason) > before, tried, "%d refusals with reason=%s in the log", w.Refused(c.reason)-before, c.reason)
	}
	r.Check(w.Login() == nil, "the portal's own login", "a token")
	return nil
}

// similarSiteAsks has a site ask that looks like another in other letters.
func similarSiteAsks(w *World, r *Record) error {
	const site = "https://portail.xn--exmple-4nf.fr" // with a Cyrillic а
	page, _, err := w.Dial(site, nil)
	if err != nil {
		return err
	}
	defer page.Socket.Close()
	answer, err := page.Call("authenticate", map[string]any{"challengeNonce": Nonce(), "lang": "fr"})
	if err != nil {
		return err
	}
	r.Check(answer.Error != nil && answer.Error.Code == 1002, "a look-alike that the person refuses", "%+v", answer.Error)
	dialogs := w.Dialogs()
	shown := slices.ContainsFunc(dialogs, func(line string) bool { return strings.Contains(line, "portail.xn--exmple-4nf.fr") })
	r.Check(shown && !strings.Contains(strings.Join(dialogs, ""), "а"), "the dialog about it", "the site stands there in ASCII: %v", shown)
	pins := slices.ContainsFunc(dialogs, func(line string) bool { return strings.Contains(line, "GETPIN") })
	r.Check(!pins, "the PIN after it", "was asked for: %v", pins)
	return nil
}
