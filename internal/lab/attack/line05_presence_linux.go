package attack

import (
	"io"
	"net/http"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

func line05() []Attack {
	return []Attack{{
		Line: 5, Title: "what a stranger's page learns where any site may ask", Short: true,
		Options: stack.Options{AgentOnly: true, Ask: true},
		Play:    unknownSiteLearns,
	}, {
		Line: 5, Title: "what a stranger's page learns where sites are listed", Short: true,
		Options: stack.Options{AgentOnly: true},
		Play:    unlistedLearns,
	}}
}

// unknownSiteLearns asks for everything that can be asked for without the person, also for
// the certificate of a login that another site had.
func unknownSiteLearns(w *World, r *Record) error {
	page, response, err := w.Dial("https://curious.example", nil)
	if err != nil {
		return err
	}
	defer page.Socket.Close()
	r.Check(response.Header.Get("Server") == "" && len(response.Header) <= 4, "the handshake's headers", "%v", response.Header)
	status, err := page.Call("status", nil)
	if err != nil {
		return err
	}
	r.Check(string(status.Result) == `{"protocol":1}`, "status", "%s", status.Result)
	for _, certificate := range []string{strings.Repeat("0", 64), strings.Repeat("ab", 32)} {
		watched, err := page.Call("watch", map[string]any{"certificate": certificate})
		if err != nil {
			return err
		}
		r.Check(watched.Error != nil && watched.Error.Code == -32602, "watching a certificate", "%+v", watched.Error)
	}
	unknown, err := page.Call("certificates", nil)
	if err != nil {
		return err
	}
	r.Check(unknown.Error != nil && unknown.Error.Code == -32601, "a method that there is not", "%+v", unknown.Error)
	return nil
}

func unlistedLearns(w *World, r *Record) error {
	_, response, err := w.Dial("https://curious.example", nil)
	if response == nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	r.Check(err == nil && response.StatusCode == http.StatusForbidden && len(body) == 0, "a site that is not listed", "%d, %d bytes", response.StatusCode, len(body))
	r.Check(w.Refused("origin_not_listed") > 0, "the log", "%d refusals with reason=origin_not_listed", w.Refused("origin_not_listed"))
	return nil
}
