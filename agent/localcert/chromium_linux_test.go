package localcert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// TestChromiumConstraints: the real Chromium trusts the CA for this machine and for
// nothing else.
func TestChromiumConstraints(t *testing.T) {
	d := desktopWithoutKeyring(t, nssdb)
	ca, err := newAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.trust.Add(filepath.Join(d.home, nssdb), ca.cert); err != nil {
		t.Fatal(err)
	}
	for name, accepted := range map[string]bool{"localhost": true, "portail.test": false} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := ca.issue(key, []string{name}, nil)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "it is accepted") }))
		server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der, ca.der}, PrivateKey: key}}}
		server.StartTLS()
		origin := fmt.Sprintf("https://%s:%d", name, server.Listener.Addr().(*net.TCPAddr).Port)
		tab, stop, err := browser.Start(t.Context(), browser.Options{Home: d.home, Origin: origin})
		if err != nil {
			t.Fatal(err)
		}
		_, err = chromedp.Run(tab, chromedp.Navigate(origin+"/"))
		text := browser.PageText(tab)
		switch {
		case accepted && (err != nil || !strings.Contains(text, "it is accepted")):
			t.Errorf("%s: %v\n%s", name, err, text)
		case !accepted && (err == nil || !strings.Contains(err.Error(), "ERR_CERT_") || strings.Contains(text, "it is accepted")):
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		stop()
		server.Close()
	}
	if out, err := exec.Command("certutil", "-L", "-d", "sql:"+filepath.Join(d.home, nssdb)).CombinedOutput(); err != nil || !strings.Contains(string(out), name) {
		t.Errorf("%v %s", err, out)
	}
}
