package browsers

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// namespaceVariable marks the process that runs in namespaces of its own.
const namespaceVariable = "CPX_TEST_NAMESPACE"

func TestMain(m *testing.M) {
	// The race detector sleeps for a second at each process's end.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// withOwnEtc runs the test again, in another process with namespaces of its own,
// and returns true there: /etc is a copy, so that real browsers read the policies
// that the test writes while the machine's own stay untouched, and port 443 is free.
func withOwnEtc(t *testing.T, find func() (string, error)) bool {
	t.Helper()
	if os.Getenv(namespaceVariable) != "" {
		return true
	}
	need.Program(t, "ip")
	if _, err := find(); err != nil {
		need.Lacks(t, err.Error())
	}
	own := []string{"--mount", "--net"}
	if os.Getuid() != 0 {
		own = append([]string{"--user", "--map-root-user"}, own...)
	}
	if out, err := exec.Command("unshare", append(own, "true")...).CombinedOutput(); err != nil {
		if os.Getuid() == 0 {
			t.Fatalf("namespaces of its own are refused to root: %v %s", err, out)
		}
		t.Skipf("not root, and a user namespace is refused here, so no real browser can be given a policy: %v %s", err, out)
	}
	etc := t.TempDir()
	if out, err := exec.Command("cp", "-a", "/etc/.", etc).CombinedOutput(); err != nil && os.Getuid() == 0 {
		t.Fatalf("copy of /etc: %v %s", err, out)
	}
	script := `mount --bind "$1" /etc && ip link set lo up && shift && exec "$@"`
	args := append(own, "sh", "-c", script, "sh", etc, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(os.Environ(), namespaceVariable+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// site is a portal on https for several names, on port 443 and on another one, and
// a program on loopback that its pages call.
type site struct {
	port   int    // the other port
	caFile string // the authority that a browser must trust
}

const page = `<!doctype html><title>TEST</title><p id="state">waiting</p><script>
const s = new WebSocket("ws://127.0.0.1:%d/v1");
s.onopen = () => { document.querySelector("#state").textContent = "socket open"; };
s.onclose = e => { document.querySelector("#state").textContent = "socket closed"; };
</script>`

func newSite(t *testing.T, names ...string) site {
	t.Helper()
	program := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
		if c, err := u.Upgrade(w, r, nil); err == nil {
			_, _, _ = c.ReadMessage() // until the page closes
			_ = c.Close()
		}
	}))
	t.Cleanup(program.Close)
	text := fmt.Sprintf(page, program.Listener.Addr().(*net.TCPAddr).Port)
	ca, certificate := issue(t, names)
	serve := func(address string) int {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		pages := &httptest.Server{Listener: l, TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}, Config: &http.Server{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				fmt.Fprint(w, text)
			}),
		}}
		pages.StartTLS()
		t.Cleanup(pages.Close)
		return l.Addr().(*net.TCPAddr).Port
	}
	serve("127.0.0.1:443")
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca}), 0o600); err != nil {
		t.Fatal(err)
	}
	return site{port: serve("127.0.0.1:0"), caFile: caFile}
}

func issue(t *testing.T, names []string) (ca []byte, certificate tls.Certificate) {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	issuer := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "TEST portals"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if ca, err = x509.CreateCertificate(rand.Reader, issuer, issuer, caKey.Public(), caKey); err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: issuer.NotBefore, NotAfter: issuer.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, issuer, key.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	return ca, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// visits are pages, and whether each may reach the program on loopback without a
// question once the policy holds the site's named origins.
func visits(s site) []visit {
	return []visit{
		{"https://named.test", true},
		{fmt.Sprintf("https://ported.test:%d", s.port), true},
		{"https://a.grp.test", true},
		{"https://b.a.grp.test", true},
		{"https://other.test", false},
		{"https://xgrp.test", false},
	}
}

type visit struct {
	origin string
	open   bool
}

var siteNames = []string{"named.test", "ported.test", "a.grp.test", "b.a.grp.test", "grp.test", "other.test", "xgrp.test"}

func (s site) named() []string {
	return []string{"https://named.test", fmt.Sprintf("https://ported.test:%d", s.port), "https://*.grp.test"}
}

// TestChromium: the real Chromium reads what was written. Where it would ask, it
// refuses here, because nobody answers.
func TestChromium(t *testing.T) {
	if !withOwnEtc(t, browser.Find) {
		return
	}
	// Many names in one browser: /etc is the test's own.
	write(t, "/", "/etc/hosts", "127.0.0.1 localhost "+strings.Join(siteNames, " ")+"\n")
	s := newSite(t, siteNames...)
	s.visit(t, "no policy", visits(s), func(visit) bool { return false })
	write(t, "/", chromiumDir+"site.json", `{"HomepageLocation": "https://intranet.example.fr"}`)
	apply(t, Request{Origins: s.named(), Browsers: []Browser{Chromium}})
	// How exact patterns are: the port has to match, and [*.] includes the domain.
	more := []visit{{fmt.Sprintf("https://named.test:%d", s.port), false}, {"https://ported.test", false}, {"https://grp.test", true}}
	s.visit(t, "policy", append(visits(s), more...), func(v visit) bool { return v.open })
	// In a folder where another file sets the policy.
	apply(t, Request{Browsers: []Browser{Chromium}})
	write(t, "/", chromiumDir+"zz.json", "{ // theirs\n\"LoopbackNetworkAllowedForUrls\": [\"https://other.test\"],\n}")
	two := []visit{{"https://named.test", true}, {"https://other.test", true}}
	apply(t, Request{Origins: s.named(), Browsers: []Browser{Chromium}})
	s.visit(t, "merged into another's file", two, func(v visit) bool { return v.open })
	apply(t, Request{Browsers: []Browser{Chromium}})
	s.visit(t, "removed", two, func(v visit) bool { return v.origin == "https://other.test" })
}

// visit opens the pages, with one browser for each port.
func (s site) visit(t *testing.T, what string, pages []visit, want func(visit) bool) {
	t.Helper()
	for _, port := range []int{443, s.port} {
		onPort := slices.DeleteFunc(slices.Clone(pages), func(v visit) bool {
			return strings.HasSuffix(v.origin, fmt.Sprint(":", s.port)) != (port == s.port)
		})
		if len(onPort) == 0 {
			continue
		}
		tab, stop, err := browser.Start(t.Context(), browser.Options{
			Home: t.TempDir(), Origin: fmt.Sprintf("https://localhost:%d", port), CAFile: s.caFile, Public: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range onPort {
			if open := opens(t, tab, v.origin); open != want(v) {
				t.Errorf("%s: %s: open %v, want %v", what, v.origin, open, want(v))
			}
		}
		stop()
	}
}

func opens(t *testing.T, tab context.Context, origin string) bool {
	t.Helper()
	if _, err := chromedp.Run(tab, chromedp.Navigate(origin+"/")); err != nil {
		t.Fatalf("%s: %v", origin, err)
	}
	if err := browser.Within(tab, testdesktop.Patience, browser.Shows("#state", "socket ")); err != nil {
		t.Fatalf("%s: %v\n%s", origin, err, browser.PageText(tab))
	}
	return strings.Contains(browser.PageText(tab), "socket open")
}
