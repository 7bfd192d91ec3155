package attack

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

const hostileHost = "hostile.test"

func line02() []Attack {
	return []Attack{{
		Line: 2, Title: "an allowed page in a hostile page's frame, and a script in it, in a real browser",
		Options: stack.Options{
			Host: framesHost, Proxied: []string{hostileHost}, AgentOnly: true,
			AutoPIN: map[string]any{"pin": []string{"cancel"}, "confirm": []string{"ok"}},
		},
		Play: framing,
	}}
}

// framedPage is of the allowed origin and does what a script in it can: it asks at once,
// without a click.
const framedPage = `<!doctype html><script>
const nonce = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));
const socket = new WebSocket("ws://%s/v1", "cpx.v1");
socket.onopen = () => socket.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "authenticate", params: { challengeNonce: nonce, lang: "fr" } }));
socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (!message.method) fetch("/report", { method: "POST", body: message.error ? message.error.data.reason : "token" });
};
</script>`

// framing has a hostile page put the allowed one into a frame. Nothing keeps its script
// from asking; the person's PIN, in a dialog that names the origin that is signed, does.
func framing(w *World, r *Record) error {
	origin, err := url.Parse(w.Origin)
	if err != nil {
		return err
	}
	reports := make(chan string, 10)
	site := http.NewServeMux()
	site.HandleFunc("GET /", func(out http.ResponseWriter, in *http.Request) {
		out.Header().Set("Content-Type", "text/html")
		if !strings.HasPrefix(in.Host, hostileHost) {
			fmt.Fprintf(out, framedPage, w.AgentAddress())
			return
		}
		fmt.Fprintf(out, `<!doctype html><title>TEST</title><iframe allow="loopback-network; local-network-access" src="%s/"></iframe>`, w.Origin)
	})
	site.HandleFunc("POST /report", func(_ http.ResponseWriter, in *http.Request) {
		text, _ := io.ReadAll(io.LimitReader(in.Body, 100))
		reports <- string(text)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:"+origin.Port())
	if err != nil {
		return err
	}
	server := &http.Server{Handler: site, ReadHeaderTimeout: patience, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.ServeTLS(listener, w.Path("portal.pem"), w.Path("portal.key")) }()
	defer server.Close()
	for i, page := range []string{"https://" + hostileHost + ":" + origin.Port() + "/", w.Origin + "/"} {
		before := len(w.Dialogs())
		end, err := framingBrowser(w, page)
		if err != nil {
			return err
		}
		got := "no answer"
		select {
		case got = <-reports:
		case <-time.After(patience):
		}
		end()
		dialogs := strings.Join(w.Dialogs()[before-1:], "\n")
		r.Check(got == "cancelled", []string{"the allowed page in a frame of https://" + hostileHost, "a script in the allowed page"}[i], "%s, the PIN not given", got)
		r.Check(strings.Contains(dialogs, "GETPIN") && strings.Contains(dialogs, framesHost) && !strings.Contains(dialogs, hostileHost),
			"the dialog after "+page, "names %s, which is signed, and not %s", framesHost, hostileHost)
	}
	failed := strings.Count(w.Log(), "login failed")
	r.Check(failed == 2, "the agent's log", "%d logins failed", failed)
	return nil
}

func framingBrowser(w *World, page string) (func(), error) {
	tab, end, err := browser.Start(w.Context, browser.Options{
		Home: w.Path("browser"), Origin: page, CAFile: w.Path("tls-ca.pem"), Grant: true, Hosts: []string{framesHost, hostileHost},
	})
	if errors.Is(err, browser.ErrNone) {
		return nil, Missing(err.Error())
	}
	if err == nil {
		if err = browser.Within(tab, 2*patience, chromedp.Navigate(page)); err != nil {
			end()
		}
	}
	return end, err
}
