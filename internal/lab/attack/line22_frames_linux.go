package attack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// framesHost is the portal's name, under which the hostile page's certificate stands too.
const framesHost = "portail.cpx.test"

// frameNames are the names of the page's frames, all of one site.
func frameNames() (names []string) {
	for i := range askers {
		names = append(names, fmt.Sprintf("f%d.hostile.test", i))
	}
	return names
}

func framesOptions(script map[string]any) stack.Options {
	return stack.Options{Host: framesHost, Proxied: frameNames(), AgentOnly: true, Others: true, AutoPIN: script}
}

// outerPage has a frame for each name; framePage asks until it is told to wait.
const framePage = `<!doctype html><script>
const report = (text) => fetch("/report", { method: "POST", body: text });
const nonce = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));
const socket = new WebSocket("ws://%s/v1", "cpx.v1");
let id = 0, opened = false, over = false;
const end = (text) => { if (!over) { over = true; report(text); } };
const ask = () => socket.send(JSON.stringify({ jsonrpc: "2.0", id: ++id, method: "authenticate", params: { challengeNonce: nonce, lang: "fr" } }));
socket.onopen = () => { opened = true; ask(); };
socket.onclose = () => end(opened ? "closed" : "refused");
socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (message.method) return;
  if (!message.error) return end("token");
  if (message.error.data.retryAfter > 60) return end("paused");
  setTimeout(ask, 50);
};
</script>`

// frames opens a page with sixty frames of one site in a browser, each of which asks
// until it is told to wait; the portal logs in meanwhile.
func frames(w *World, r *Record, open func(w *World, page string) (end func(), err error)) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	reports := make(chan string, 10*askers)
	site := http.NewServeMux()
	site.HandleFunc("GET /", func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/html")
		fmt.Fprint(out, "<!doctype html><title>TEST</title>")
		for _, name := range frameNames() {
			fmt.Fprintf(out, `<iframe allow="loopback-network; local-network-access" width=20 height=20 src="https://%s:%s/frame"></iframe>`, name, port)
		}
	})
	site.HandleFunc("GET /frame", func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(out, framePage, w.AgentAddress())
	})
	site.HandleFunc("POST /report", func(_ http.ResponseWriter, in *http.Request) {
		text, _ := io.ReadAll(io.LimitReader(in.Body, 100))
		reports <- string(text)
	})
	server := &http.Server{Handler: site, ReadHeaderTimeout: patience}
	go func() { _ = server.ServeTLS(listener, w.Path("portal.pem"), w.Path("portal.key")) }()
	defer server.Close()
	end, err := open(w, "https://"+frameNames()[0]+":"+port)
	if err != nil {
		return err
	}
	defer end()
	if err := w.awaitConsents(1); err != nil {
		return err
	}
	portal := w.Login()
	r.Check(portal == nil, "the allowed portal logs in meanwhile", "%v", portal)
	count := map[string]int{}
	overdue := time.After(3 * patience)
	for n := range askers {
		select {
		case text := <-reports:
			count[text]++
		case <-overdue:
			return fmt.Errorf("only %d frames have ended: %v", n, count)
		}
	}
	r.Check(count["paused"] > 0 && count["paused"]+count["refused"] == askers, "sixty frames of one site", "%v", count)
	return w.checkPaused(r)
}

func (w *World) browserOptions(page string) browser.Options {
	return browser.Options{Home: w.Path("browser"), Origin: page, CAFile: w.Path("tls-ca.pem"), Grant: true, Hosts: frameNames()}
}

func chromium(w *World, page string) (func(), error) {
	tab, end, err := browser.Start(w.Context, w.browserOptions(page))
	if errors.Is(err, browser.ErrNone) {
		return nil, Missing(err.Error())
	}
	if err != nil {
		return nil, err
	}
	if err := browser.Within(tab, 2*patience, chromedp.Navigate(page)); err != nil {
		end()
		return nil, err
	}
	return end, nil
}

func firefox(w *World, page string) (func(), error) {
	ctx, cancel := context.WithTimeout(w.Context, 2*patience)
	defer cancel()
	f, err := browser.StartFirefox(ctx, w.browserOptions(page), map[string]any{
		"network.lna.blocking": false, "network.websocket.delay-failed-reconnects": false,
	})
	if errors.Is(err, browser.ErrNoFirefox) {
		return nil, Missing(err.Error())
	}
	if err != nil {
		return nil, err
	}
	if err := f.Navigate(ctx, page); err != nil {
		f.Close()
		return nil, err
	}
	return f.Close, nil
}
