package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// stages are the parts of a login as the browser sees it, one after the other.
var stages = []string{"find-ms", "before-ms", "dialog-ms", "signature-ms", "portal-ms", "load-ms", "paint-ms"}

// BenchmarkClickToPage measures a login in Chromium from the click to the first paint of the
// page that the person has then, the PIN's dialog answered at once, beside what the browser
// needs itself from a click to the echo on a socket; and the stages of it.
func BenchmarkClickToPage(b *testing.B) {
	s := prepare(b, stack.Options{AutoPIN: script("1234")})
	tab := openBrowser(b, s)
	for _, step := range stack.LoginSteps(s) {
		if err := step.Do(tab); err != nil {
			b.Fatalf("%s: %v\n%s", step.Name, err, browser.PageText(tab))
		}
	}
	echo := serveEcho(b)
	b.Run("login=in_Chromium", func(b *testing.B) {
		var login, echoes, navigations []time.Duration
		parts := make([][]time.Duration, len(stages))
		for range 15 {
			echoes = append(echoes, clickToEcho(b, tab, echo))
			navigations = append(navigations, leadOn(b, tab))
			at := clickToPage(b, tab, s.Origin)
			login = append(login, at[len(at)-1])
			before := time.Duration(0)
			for i := range parts {
				parts[i] = append(parts[i], at[i]-before)
				before = at[i]
			}
		}
		for i, stage := range stages {
			b.ReportMetric(middle(parts[i]), stage)
		}
		b.ReportMetric(middle(login), "agent-ms")
		b.ReportMetric(middle(echoes), "echo-ms")
		b.ReportMetric(middle(navigations), "navigation-ms")
		b.ReportMetric(0, "ns/op")
	})
}

// clickToPage logs out, where somebody is logged in, and in. It returns when each of the stages
// had ended, since the click.
func clickToPage(tb testing.TB, tab context.Context, origin string) (ended []time.Duration) {
	tb.Helper()
	if err := browser.Within(tab, patient, chromedp.Navigate(origin+"/espace"), browser.Visible("#logout"), browser.Click("#logout"), browser.Visible("#card-login")); err != nil {
		tb.Fatalf("%v\n%s", err, browser.PageText(tab))
	}
	// A person reads before the click. A page's origin of time is a time of day. What the agent
	// and the portal answer is noted, and kept for the next page.
	const ready = `new Promise((r) => {
		const at = {};
		const note = (what) => { at[what] ??= performance.timeOrigin + performance.now(); };
		addEventListener("click", (e) => { at.click = performance.timeOrigin + e.timeStamp; }, true);
		addEventListener("pagehide", () => sessionStorage.setItem("at", JSON.stringify(at)));
		const Socket = WebSocket;
		window.WebSocket = class extends Socket {
			constructor(...a) {
				super(...a);
				this.addEventListener("open", () => note("found"));
				this.addEventListener("message", (e) => {
					const { params, result } = JSON.parse(e.data);
					if (params?.state === "waiting-for-pin") note("asked");
					if (params?.state === "signing") note("answered");
					if (result?.signature) note("signed");
				});
			}
		};
		const fetched = fetch;
		window.fetch = async (...a) => {
			const response = await fetched(...a);
			if (at.signed) note("accepted");
			return response;
		};
		requestIdleCallback(() => setTimeout(() => r(true), 200));
	})`
	const shown = `new Promise((r) => new PerformanceObserver((list) => {
		for (const p of list.getEntriesByName("first-contentful-paint")) {
			const { click, found, asked, answered, signed, accepted } = JSON.parse(sessionStorage.getItem("at"));
			const here = [performance.getEntriesByType("navigation")[0].loadEventEnd, p.startTime].map((t) => performance.timeOrigin + t);
			r([found, asked, answered, signed, accepted, ...here].map((t) => t - click));
		}
	}).observe({ type: "paint", buffered: true }))`
	ctx, cancel := context.WithTimeout(tab, patient)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](ready, chromedp.EvalAwaitPromise)); err != nil {
		tb.Fatal(err)
	}
	// Until the page has loaded it is asked nothing: it would answer instead of going on.
	if _, err := chromedp.Run(ctx, chromedp.WaitEvent(cdp.LoadEventFired, nil, browser.Click("#card-login"))); err != nil {
		tb.Fatalf("%v\n%s", err, browser.PageText(tab))
	}
	took, err := chromedp.Run(ctx, chromedp.Evaluate[[]float64](shown, chromedp.EvalAwaitPromise))
	if err != nil {
		tb.Fatal(err)
	}
	if err := browser.Within(tab, patient, browser.Visible("#attached-cards")); err != nil {
		tb.Fatalf("%v\n%s", err, browser.PageText(tab))
	}
	if len(took) != len(stages) {
		tb.Fatalf("%v, want %d moments", took, len(stages))
	}
	for _, ms := range took {
		ended = append(ended, time.Duration(ms*float64(time.Millisecond)))
	}
	return ended
}

// clickToEcho opens a socket, sends a word and gets it back.
func clickToEcho(tb testing.TB, tab context.Context, site string) time.Duration {
	tb.Helper()
	if err := browser.Within(tab, patient, chromedp.Navigate(site), browser.Click("#echo")); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tab, patient)
	defer cancel()
	took, err := chromedp.Run(ctx, chromedp.Evaluate[float64]("window.echoed", chromedp.EvalAwaitPromise))
	if err != nil {
		tb.Fatal(err)
	}
	return time.Duration(took * float64(time.Millisecond))
}

// leadOn goes from the page that serveEcho serves to the same again: what the browser itself needs from there to
// the first paint.
func leadOn(tb testing.TB, tab context.Context) time.Duration {
	tb.Helper()
	const onward = `sessionStorage.setItem("gone", performance.timeOrigin + performance.now()); location.assign("/?next"); true`
	const shown = `new Promise((r) => new PerformanceObserver((list) => {
		for (const p of list.getEntriesByName("first-contentful-paint")) r(performance.timeOrigin + p.startTime - sessionStorage.getItem("gone"));
	}).observe({ type: "paint", buffered: true }))`
	ctx, cancel := context.WithTimeout(tab, patient)
	defer cancel()
	goes := chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Evaluate[bool](onward)(ctx, t)
		return err
	})
	if _, err := chromedp.Run(ctx, chromedp.WaitEvent(cdp.LoadEventFired, nil, goes)); err != nil {
		tb.Fatal(err)
	}
	took, err := chromedp.Run(ctx, chromedp.Evaluate[float64](shown, chromedp.EvalAwaitPromise))
	if err != nil {
		tb.Fatal(err)
	}
	return time.Duration(took * float64(time.Millisecond))
}

// serveEcho serves a page that opens a socket on a click, and that socket.
func serveEcho(tb testing.TB) (site string) {
	tb.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><title>TEST</title><link rel="icon" href="data:,"><button id="echo">TEST</button><script>
			window.echoed = new Promise((echoed) => document.querySelector("#echo").addEventListener("click", (e) => {
				const socket = new WebSocket("ws://%s/v1", "cpx.v1");
				socket.onopen = () => socket.send("TEST");
				socket.onmessage = () => echoed(performance.now() - e.timeStamp);
			}));</script>`, r.Context().Value(http.LocalAddrContextKey))
	})
	mux.HandleFunc("GET /v1", func(w http.ResponseWriter, r *http.Request) {
		upgrader := websocket.Upgrader{Subprotocols: []string{"cpx.v1"}, CheckOrigin: func(*http.Request) bool { return true }}
		socket, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return // answered by the upgrader
		}
		defer socket.Close()
		for {
			kind, message, err := socket.ReadMessage()
			if err != nil || socket.WriteMessage(kind, message) != nil {
				return
			}
		}
	})
	server := httptest.NewServer(mux)
	tb.Cleanup(server.Close)
	return fmt.Sprintf("http://localhost:%d/", server.Listener.Addr().(*net.TCPAddr).Port)
}
