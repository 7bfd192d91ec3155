package js

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// BenchmarkLibrary measures what a page pays for the library: its bytes as Handler sends
// them, and the time of the page's main thread from before it is loaded to the first dial,
// beside the same with nothing to load and dial, which is what measuring takes, and with a
// module of one line in the library's place.
func BenchmarkLibrary(b *testing.B) {
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/lib/cpx-bridge.mjs", nil)
	r.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd")
	Handler("/lib/").ServeHTTP(w, r)
	sent, err := io.ReadAll(w.Body)
	if err != nil || w.Code != http.StatusOK {
		b.Fatal(w.Code, err)
	}
	b.ReportMetric(float64(len(sent))/1000, "library-kB")
	mux := http.NewServeMux()
	mux.Handle("/lib/", Handler("/lib/"))
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!doctype html><title>TEST</title><link rel="icon" href="data:,">`)
	})
	mux.HandleFunc("/one-line.mjs", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, `export const status = async () => new WebSocket()`)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	starting.Do(func() { tabErr = startBrowser() })
	if tabErr != nil {
		b.Fatal(tabErr)
	}
	var library, measuring, oneLine []float64
	for n := range 15 {
		measuring = append(measuring, untilDial(b, server.URL, `Promise.resolve({ status: async () => new WebSocket() })`))
		// Another address each time: none is compiled yet.
		oneLine = append(oneLine, untilDial(b, server.URL, fmt.Sprintf(`import("/one-line.mjs?%d")`, n)))
		library = append(library, untilDial(b, server.URL, fmt.Sprintf(`import("/lib/cpx-bridge.mjs?%d")`, n)))
	}
	b.ReportMetric(median(library), "library-ms")
	b.ReportMetric(median(oneLine), "oneline-ms")
	b.ReportMetric(median(measuring), "measuring-ms")
	b.ReportMetric(0, "ns/op")
}

// untilDial is what a module's call of status takes of a fresh page's main thread until its
// first dial, in milliseconds.
func untilDial(b *testing.B, site, module string) float64 {
	b.Helper()
	ctx, cancel := context.WithTimeout(tab, patience)
	defer cancel()
	if err := browser.Within(ctx, patience, chromedp.Navigate(site+"/")); err != nil {
		b.Fatal(err)
	}
	before := busy(b, ctx)
	script := fmt.Sprintf(`new Promise((dialled, failed) => {
		window.WebSocket = class { constructor() { dialled(true); } addEventListener() {} close() {} };
		%s.then((m) => m.status({ ports: { first: 9, count: 1 } })).catch(failed);
	})`, module)
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise)); err != nil {
		b.Fatal(err)
	}
	return busy(b, ctx) - before
}

// busy is how long the page's main thread has been at work, of the processor's time, in
// milliseconds.
func busy(b *testing.B, ctx context.Context) float64 {
	b.Helper()
	if _, err := chromedp.Call(ctx, performance.Enable, performance.EnableParams{TimeDomain: "threadTicks"}); err != nil {
		b.Fatal(err)
	}
	result, err := chromedp.Call(ctx, performance.GetMetrics, cdp.Empty{})
	if err != nil {
		b.Fatal(err)
	}
	for _, m := range result.Metrics {
		if m.Name == "TaskDuration" {
			return m.Value * 1000
		}
	}
	b.Fatal("no TaskDuration")
	return 0
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}
