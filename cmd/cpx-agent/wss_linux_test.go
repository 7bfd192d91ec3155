package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

func trusted(t *testing.T, p *workstation.Person) int {
	t.Helper()
	out, err := exec.Command("certutil", "-L", "-d", "sql:"+p.Database()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	return strings.Count(string(out), "CPx Bridge localhost")
}

const wssPage = `<!doctype html><title>TEST</title><p id="state">waiting</p><script>
const port = new URLSearchParams(location.search).get("port");
const say = text => { document.querySelector("#state").textContent = text; };
const s = new WebSocket("wss://localhost:" + port + "/v1", "cpx.v1");
s.onopen = () => s.send('{"jsonrpc":"2.0","id":1,"method":"status"}');
s.onmessage = e => say("answered " + e.data);
s.onclose = () => say("closed");
</script>`

// TestWSS: a person installs the certificate, a real Chromium then reaches the
// agent, and the person removes everything.
func TestWSS(t *testing.T) {
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, wssPage)
	}))
	defer pages.Close()
	origin := fmt.Sprintf("http://localhost:%d", pages.Listener.Addr().(*net.TCPAddr).Port)
	const count = 5
	first := workstation.FreePorts(t, 2*count)
	p := workstation.NewPerson(t, "lang = \"fr\"\n[origins]\nallow = [%q]\n[ports]\nfirst = %d\ncount = %d\n[wss]\nenabled = true\nfirst = %d\ncount = %d\n", origin, first, count, first+count, count)
	workstation.Contains(t, p.Runs(1, "wss", "install"), "Ouvrez une fois Chromium ou Firefox")
	p.NewDatabase()
	workstation.Contains(t, p.Runs(1, "wss", "status"), "Aucun certificat n’est installé")
	await := p.Starts()
	await(`no wss.*no certificate is installed`)

	workstation.Contains(t, p.Runs(0, "wss", "install"), "Certificat installé, valable jusqu’au", p.Database())
	workstation.Contains(t, p.Runs(0, "wss", "status"), "valable jusqu’au", "Reconnu par : "+p.Database())
	port := await(`address=127\.0\.0\.1:(\d+) wss=true`)[1]
	for home, want := range map[string]string{p.Keyring.Home: `answered {"jsonrpc":"2.0","id":1,"result":{"protocol":1,"agent":`, t.TempDir(): "closed"} {
		tab, stop, err := browser.Start(t.Context(), browser.Options{Home: home, Origin: origin})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := chromedp.Run(tab, chromedp.Navigate(origin+"/?port="+port)); err != nil {
			t.Error(err)
		}
		if err := browser.Within(tab, testdesktop.Patience, browser.Shows("#state", want)); err != nil {
			t.Errorf("%v\n%s", err, browser.PageText(tab))
		}
		stop()
	}

	p.Runs(0, "wss", "install")
	if n := trusted(t, p); n != 1 {
		t.Errorf("%d certificates are trusted after the renewal", n)
	}
	p.Keyring.Lock()
	workstation.Contains(t, p.Runs(1, "wss", "remove"), "Pas encore retiré : Le trousseau de clés est verrouillé")
	p.Keyring.Unlock()
	if n := trusted(t, p); n != 0 {
		t.Errorf("%d certificates are trusted after the removal", n)
	}
	p.Runs(0, "wss", "remove")
	workstation.Contains(t, p.Runs(0, "wss", "remove"), "aucun certificat à retirer")
}
