package js

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

const patience = 20 * time.Second

// One browser serves all tests. Each test has a site, and so a renderer, of its own.
var (
	home       string
	starting   sync.Once
	tab        context.Context
	stopTab    context.CancelFunc = func() {}
	tabErr     error
	public     *httptest.Server // https, on an address that the browser considers public
	publicSite string
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if home, err = os.MkdirTemp("", "cpx-js"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(home)
	defer func() {
		stopTab()
		if firefox != nil {
			firefox.Close()
		}
		if public != nil {
			public.Close()
		}
	}()
	return m.Run()
}

func startBrowser() error {
	ca, err := startPublic()
	if err != nil {
		return err
	}
	tab, stopTab, err = browser.Start(context.Background(), browser.Options{
		Home: filepath.Join(home, "browser"), Origin: publicSite, CAFile: ca, Public: true, Lang: "fr",
	})
	if err != nil {
		stopTab = func() {}
		return fmt.Errorf("%w\n(these tests need a real browser and certutil: apt-get install chromium libnss3-tools)", err)
	}
	return nil
}

// startPublic serves the public portal and returns its CA's file.
func startPublic() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		return "", err
	}
	now := time.Now()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "TEST portal CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "portal.test"}, DNSNames: []string{"portal.test", "localhost"},
		NotBefore: root.NotBefore, NotAfter: root.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	rootDER, err := x509.CreateCertificate(crand.Reader, root, root, key.Public(), key)
	if err != nil {
		return "", err
	}
	leafDER, err := x509.CreateCertificate(crand.Reader, leaf, root, key.Public(), key)
	if err != nil {
		return "", err
	}
	public = httptest.NewUnstartedServer(portal(newEvents(), nil))
	public.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leafDER}, PrivateKey: key}}}
	public.StartTLS()
	publicSite = fmt.Sprintf("https://portal.test:%d", public.Listener.Addr().(*net.TCPAddr).Port)
	file := filepath.Join(home, "ca.pem")
	return file, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}), 0o600)
}

// portal serves the page, the library, and the two endpoints.
func portal(e *events, login http.HandlerFunc) http.Handler {
	dist, err := fs.Sub(Files, "dist")
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /static/cpx-bridge/", http.StripPrefix("/static/cpx-bridge/", http.FileServerFS(dist)))
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(dist)))
	// As on a slow network: the texts take a while to load.
	mux.HandleFunc("GET /slow/{file}", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.PathValue("file"), "lang-") {
			time.Sleep(500 * time.Millisecond)
		}
		http.ServeFileFS(w, r, dist, r.PathValue("file"))
	})
	// As in a tab that was opened before the files changed.
	mux.HandleFunc("GET /old/{file}", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.PathValue("file"), "selftest-") {
			http.NotFound(w, r)
			return
		}
		http.ServeFileFS(w, r, dist, r.PathValue("file"))
	})
	// Without the texts.
	mux.HandleFunc("GET /bare/cpx-bridge.mjs", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, dist, "cpx-bridge.mjs") })
	mux.HandleFunc("GET /{$}", page)
	mux.HandleFunc("GET /test.mjs", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprint(w, testScript)
	})
	mux.HandleFunc("GET /espace", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><title>TEST</title><link rel="icon" href="data:,"><p id="arrived">TEST`)
	})
	mux.HandleFunc("GET /late", func(w http.ResponseWriter, _ *http.Request) {
		// As on a slow network: meanwhile the page that is being left goes on, and what it
		// must not do there is no event. One browser cancels only once this has come.
		time.Sleep(time.Second)
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><title>TEST</title><link rel="icon" href="data:,"><p id="arrived">TEST`)
	})
	mux.HandleFunc("GET /saved", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Disposition", "attachment; filename=test.txt")
		fmt.Fprint(w, "TEST")
	})
	mux.HandleFunc("GET /auth/challenge", func(w http.ResponseWriter, _ *http.Request) {
		e.add("challenge")
		fmt.Fprintf(w, `{"nonce":%q}`, nonce)
	})
	mux.HandleFunc("POST /auth/challenge", func(w http.ResponseWriter, r *http.Request) {
		e.add("posted")
		if r.Header.Get("X-Csrf-Token") != "TEST" || r.Header.Get("Accept") != "application/json" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, `{"nonce":%q}`, nonce)
	})
	mux.HandleFunc("GET /auth/broken", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) })
	if login != nil {
		mux.HandleFunc("POST /auth/login", func(w http.ResponseWriter, r *http.Request) {
			e.add("login")
			login(w, r)
		})
	}
	return mux
}

// page serves what the query asks for: csp and policy are headers, body is the
// page's body.
func page(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if csp := q.Get("csp"); csp != "" {
		w.Header().Set("Content-Security-Policy", csp)
	}
	if policy := q.Get("policy"); policy != "" {
		w.Header().Set("Permissions-Policy", policy)
	}
	fmt.Fprintf(w, `<!doctype html><html lang="fr"><meta charset="utf-8"><title>TEST</title><link rel="icon" href="data:,">
		<script type="module" src="/test.mjs"></script><body>%s`, q.Get("body"))
}

// testScript makes the library usable from outside a page in which no script can
// be run: for a driver that cannot import, and for a page that frames it.
const testScript = `import * as cpx from "/static/cpx-bridge.mjs";
	window.cpx = cpx;
	onmessage = async (e) => {
		if (e.data?.selftest) {
			await import("/static/selftest.mjs");
			const test = document.querySelector("cpx-selftest");
			await test.test();
			e.source.postMessage(test.steps.map((s) => [s.state, s.error?.reason, s.error?.detail].filter((x) => x).join(" ")).join(", "), "*");
		}
		if (!e.data?.ports) return;
		const { reason, detail } = await cpx.status(e.data).then(() => ({ reason: "found" }), (e) => e);
		e.source.postMessage({ reason, detail }, "*");
	};`

var nonce = strings.Repeat("n", 44)

// open serves a portal for this test and shows its page; query is the page's.
func open(t *testing.T, e *events, query string, login http.HandlerFunc) {
	t.Helper()
	visit(t, site(t, e, login)+query)
}

var notInNames = regexp.MustCompile("[^a-z0-9]+")

// site serves a portal for this test and returns the address of its page.
func site(t *testing.T, e *events, login http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(portal(e, login))
	t.Cleanup(server.Close)
	name := notInNames.ReplaceAllString(strings.ToLower(t.Name()), "-")
	return fmt.Sprintf("http://%s.localhost:%d/", name, server.Listener.Addr().(*net.TCPAddr).Port)
}

func visit(t *testing.T, address string) {
	t.Helper()
	starting.Do(func() { tabErr = startBrowser() })
	if tabErr != nil {
		t.Fatal(tabErr)
	}
	if err := browser.Within(tab, patience, chromedp.Navigate(address)); err != nil {
		t.Fatalf("open %s: %v", address, err)
	}
}

// failure is a CpxError as the page got it.
type failure struct {
	Reason        string
	Code          int
	Detail        string
	TriesLeft     *int
	RetryAfter    *int
	ProblemDetail string
	Reference     string
}

// outcome is the result of a script in the page.
type outcome struct {
	Value json.RawMessage
	Error *failure
}

func (o outcome) reason() string {
	if o.Error == nil {
		return "none, but " + string(o.Value)
	}
	return o.Error.Reason
}

// inPage runs an async function's body in the page, with the library as cpx.
func inPage(t *testing.T, body string, args ...any) outcome {
	t.Helper()
	script := `(async () => {
		const cpx = await import("/static/cpx-bridge.mjs");
		try {
			return { Value: await (async () => {` + fmt.Sprintf(body, args...) + `})() ?? null };
		} catch (e) {
			if (!(e instanceof cpx.CpxError)) throw e;
			return { Error: { Reason: e.reason, Code: e.code, Detail: e.detail, TriesLeft: e.triesLeft,
				RetryAfter: e.retryAfter, ProblemDetail: e.problemDetail, Reference: e.reference } };
		}
	})()`
	ctx, cancel := context.WithTimeout(tab, patience)
	defer cancel()
	result, err := chromedp.Run(ctx, chromedp.Evaluate[outcome](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%v\nin %s", err, body)
	}
	return result
}
