package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/catalogue"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

func TestWSSWords(t *testing.T) { catalogue.Check(t, wssWords) }

// person is one at a workstation with a keyring and a browser of their own, who
// runs the program as it is installed.
type person struct {
	t       *testing.T
	w       workstation
	keyring *testdesktop.Keyring
}

func newPerson(t *testing.T, settings string, args ...any) *person {
	t.Helper()
	p := &person{t: t, w: newWorkstation(t, "cps"), keyring: testdesktop.NewKeyring(t, "")}
	p.w.settings(t, "modules = [%q]\n"+settings, append([]any{p.w.module}, args...)...)
	return p
}

func (p *person) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(p.t.Context(), os.Args[0], append([]string{"--config", p.w.config}, args...)...)
	cmd.Env = append(append(os.Environ(), p.keyring.Env...), asProgram+"=1", "XDG_STATE_HOME="+filepath.Join(p.keyring.Home, "state"))
	return cmd
}

// does runs the program to its end and returns all it says.
func (p *person) does(exit int, args ...string) string {
	p.t.Helper()
	cmd := p.command(args...)
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != exit {
		p.t.Errorf("cpx-agent %v: exit %d, want %d\n%s", args, got, exit, out)
	}
	return string(out)
}

// starts runs the agent and returns how to wait for a line of its log.
func (p *person) starts() (await func(pattern string) []string) {
	p.t.Helper()
	cmd := p.command("run", "--no-tray")
	out, err := cmd.StderrPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	var mu sync.Mutex
	var log strings.Builder
	lines := make(chan struct{}, 1)
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			mu.Lock()
			log.WriteString(s.Text() + "\n")
			mu.Unlock()
			select {
			case lines <- struct{}{}:
			default:
			}
		}
	}()
	p.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	return func(pattern string) []string {
		p.t.Helper()
		for {
			mu.Lock()
			text := log.String()
			mu.Unlock()
			if found := regexp.MustCompile(pattern).FindStringSubmatch(text); found != nil {
				return found
			}
			select {
			case <-lines:
			case <-time.After(testdesktop.Patience):
				p.t.Fatalf("the log never says %s:\n%s", pattern, text)
			}
		}
	}
}

func (p *person) database() string { return filepath.Join(p.keyring.Home, ".pki", "nssdb") }

func (p *person) newDatabase() {
	p.t.Helper()
	if err := os.MkdirAll(p.database(), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if out, err := exec.Command(testdesktop.Needs(p.t, "certutil"), "-N", "-d", "sql:"+p.database(), "--empty-password").CombinedOutput(); err != nil {
		p.t.Fatalf("%v %s", err, out)
	}
}

func (p *person) trusted() int {
	p.t.Helper()
	out, err := exec.Command("certutil", "-L", "-d", "sql:"+p.database()).CombinedOutput()
	if err != nil {
		p.t.Fatalf("%v %s", err, out)
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

// TestWSS is a person who installs the certificate, a real Chromium that then
// reaches the agent, and everything taken back.
func TestWSS(t *testing.T) {
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, wssPage)
	}))
	defer pages.Close()
	origin := fmt.Sprintf("http://localhost:%d", pages.Listener.Addr().(*net.TCPAddr).Port)
	const count = 5
	first := freePorts(t, 2*count)
	p := newPerson(t, "lang = \"fr\"\n[origins]\nallow = [%q]\n[ports]\nfirst = %d\ncount = %d\n[wss]\nenabled = true\nfirst = %d\ncount = %d\n", origin, first, count, first+count, count)
	says(t, p.does(exitProblem, "wss", "install"), "Ouvrez une fois Chromium ou Firefox")
	p.newDatabase()
	says(t, p.does(exitProblem, "wss", "status"), "Aucun certificat n’est installé")
	await := p.starts()
	await(`no wss.*no certificate is installed`)

	says(t, p.does(exitGood, "wss", "install"), "Certificat installé, valable jusqu’au", p.database())
	says(t, p.does(exitGood, "wss", "status"), "valable jusqu’au", "Reconnu par : "+p.database())
	port := await(`address=127\.0\.0\.1:(\d+) wss=true`)[1]
	for home, want := range map[string]string{p.keyring.Home: `answered {"jsonrpc":"2.0","id":1,"result":{"protocol":1,"agent":`, t.TempDir(): "closed"} {
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

	p.does(exitGood, "wss", "install")
	if n := p.trusted(); n != 1 {
		t.Errorf("%d certificates are trusted after the renewal", n)
	}
	p.keyring.Lock()
	says(t, p.does(exitProblem, "wss", "remove"), "Pas encore retiré : Le trousseau de clés est verrouillé")
	p.keyring.Unlock()
	if n := p.trusted(); n != 0 {
		t.Errorf("%d certificates are trusted after the removal", n)
	}
	p.does(exitGood, "wss", "remove")
	says(t, p.does(exitGood, "wss", "remove"), "aucun certificat à retirer")
}

func TestWSSInEnglish(t *testing.T) {
	p := newPerson(t, "lang = \"en\"\n")
	p.newDatabase()
	says(t, p.does(exitGood, "wss", "install"), "Certificate installed, valid until", "Trusted by: "+p.database(), "wss is not switched on")
	says(t, p.does(exitProblem, "wss", "status"), "Certificate valid until", "Trusted by: ", "wss is not switched on")
	if err := os.RemoveAll(p.database()); err != nil {
		t.Fatal(err)
	}
	says(t, p.does(exitProblem, "wss", "status"), "Not trusted any more by: ")
	says(t, p.does(exitGood, "wss", "remove"), "Certificate taken out of: ")
	says(t, p.does(exitUsage, "wss"), "wss needs one of")
	says(t, p.does(exitUsage, "wss", "renew"), "not \"renew\"")
}
