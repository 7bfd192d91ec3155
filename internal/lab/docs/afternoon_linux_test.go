package docs

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

const (
	patience   = 90 * time.Second
	dialogsLog = "dialogs.log"
)

// chapter is the developers' way from nothing to a login, with ports of its own.
type chapter struct {
	home                         string
	text                         string
	blocks                       []Block
	http, https, agents, repeats int
}

func readChapter(t *testing.T) *chapter {
	t.Helper()
	file := filepath.Join(root, "docs", "portal-developers.md")
	all, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(all), "\n## Your own site, from nothing\n")
	text, _, ends := strings.Cut(rest, "\n## ")
	if !found || !ends {
		t.Fatal("docs/portal-developers.md has no such chapter")
	}
	first := strings.Count(before, "\n") + 2
	blocks, err := Blocks(file)
	if err != nil {
		t.Fatal(err)
	}
	ports := workstation.FreePorts(t, 4) // below those that the system gives to others meanwhile
	c := &chapter{home: t.TempDir(), text: text, http: ports, https: ports + 1, agents: ports + 2, repeats: ports + 3}
	for _, b := range blocks {
		if b.Line > first && b.Line < first+strings.Count(text, "\n")+1 {
			b.Script = strings.NewReplacer("localhost:8080", fmt.Sprint("localhost:", c.http), "localhost:8443", fmt.Sprint("localhost:", c.https),
				"go run . -ca", fmt.Sprint("go run . -origin http://localhost:", c.http, " -ca")).Replace(b.Script)
			c.blocks = append(c.blocks, b)
		}
	}
	return c
}

// long is the block with that text, which runs until Ctrl-C.
func (c *chapter) long(t *testing.T, part string) Block {
	t.Helper()
	for _, b := range c.blocks {
		if b.Manual == "runs until Ctrl-C" && strings.Contains(b.Script, part) {
			return b
		}
	}
	t.Fatalf("no command with %q", part)
	return Block{}
}

// TestYourOwnSite follows the chapter to the login, in a browser. Only the
// person's fingers are played, and the ports are free ones.
func TestYourOwnSite(t *testing.T) {
	if out, err := exec.Command("make", "-s", "-C", root, "build").CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	c := readChapter(t)
	for _, b := range c.blocks {
		if b.Manual == "" {
			runBlock(t, b, c.home)
		}
	}
	cards, err := democard.Load(filepath.Join(c.home, "cpx-dev", "cards"))
	if err != nil {
		t.Fatal(err)
	}
	pinentry := person(t, c.home)
	for name, way := range map[string]struct {
		settings, site, origin, ca string
		port, agents               int
	}{
		"allowed": {"agent.toml", "-origin http:", fmt.Sprint("http://localhost:", c.http), "", c.http, c.agents},
		"asked":   {"ask.toml", "-origin https:", fmt.Sprint("https://localhost:", c.https), filepath.Join(c.home, "cpx-dev", "site.pem"), c.https, c.repeats},
	} {
		t.Run(name, func(t *testing.T) {
			more := fmt.Sprintf("\n[ports]\nfirst = %d\ncount = 1\n", way.agents)
			settings := filepath.Join(c.home, "cpx-dev", way.settings)
			text, err := os.ReadFile(settings)
			if err != nil {
				t.Fatal(err)
			}
			text = append(fmt.Appendf(nil, "pinentry = %q\n", pinentry), append(text, more...)...)
			if err := os.WriteFile(settings, text, 0o600); err != nil {
				t.Fatal(err)
			}
			c.begin(t, c.long(t, "cpx-dev/"+way.settings), way.agents)
			c.begin(t, c.long(t, way.site), way.port)
			if err := os.RemoveAll(filepath.Join(c.home, dialogsLog)); err != nil {
				t.Fatal(err)
			}
			c.login(t, way.origin, way.ca, way.agents, cards[0].Identifier)
			dialogs, err := os.ReadFile(filepath.Join(c.home, dialogsLog))
			if err != nil {
				t.Fatal(err)
			}
			if asked := strings.Contains(string(dialogs), "CONFIRM"); asked != (name == "asked") {
				t.Errorf("consent asked for: %v\n%s", asked, dialogs)
			}
		})
	}
}

func (c *chapter) login(t *testing.T, origin, ca string, agents int, identifier string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	tab, end, err := browser.Start(ctx, browser.Options{Home: t.TempDir(), Origin: origin, CAFile: ca, Lang: "fr"})
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	press := fmt.Sprintf(`(() => { const e = document.querySelector("cpx-login"); e.setAttribute("ports-first", %q); e.setAttribute("ports-count", "1"); e.shadowRoot.querySelector("button").click(); })()`,
		strconv.Itoa(agents))
	err = browser.Within(tab, patience, chromedp.Navigate(origin+"/"), browser.Visible("cpx-login[state=idle]"),
		chromedp.Evaluate[chromedp.Void](press), browser.Visible("#who"), browser.Shows("#who", identifier))
	if err != nil {
		t.Fatalf("%v\n%s", err, browser.PageText(tab))
	}
}

// person makes a pinentry that answers, and returns its program.
func person(t *testing.T, home string) string {
	t.Helper()
	program, err := os.ReadFile(filepath.Join(root, "build", "bin", "autopin"))
	if err != nil {
		t.Fatal(err)
	}
	answers, err := json.Marshal(map[string]any{"pin": []string{democard.PIN}, "confirm": []string{"ok"}, "log": filepath.Join(home, dialogsLog)})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(home, "autopin")
	for name, text := range map[string][]byte{path: program, path + ".json": answers} {
		if err := os.WriteFile(name, text, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// begin starts a command that runs until Ctrl-C, which comes with the test's end,
// and waits until it serves.
func (c *chapter) begin(t *testing.T, b Block, port int) {
	t.Helper()
	cmd := reader(t, context.Background(), b, c.home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out := &testdesktop.Output{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
		select {
		case <-ended:
		case <-time.After(patience):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			t.Errorf("%s:%d does not end by Ctrl-C\n%s", b.File, b.Line, out)
		}
		if t.Failed() {
			t.Logf("%s\n%s", b.Script, out)
		}
	})
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for end := time.Now().Add(patience); ; {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case err := <-ended:
			t.Fatalf("%s:%d ended: %v\n%s", b.File, b.Line, err, out)
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatalf("%s:%d does not serve %s\n%s", b.File, b.Line, address, out)
		}
	}
}

// TestGoOfTheDocument compiles the lines of Go in the module that the chapter makes.
func TestGoOfTheDocument(t *testing.T) {
	c := readChapter(t)
	for _, b := range c.blocks {
		if b.Manual == "" && strings.Contains(b.Script, "go mod init") {
			runBlock(t, b, c.home)
		}
	}
	blocks := strings.Split(c.text, "```go\n")[1:]
	if len(blocks) < 4 {
		t.Fatalf("%d blocks of Go, want the portal, its page, accounts and several processes first", len(blocks))
	}
	program := `package main
import ("context"; "database/sql"; "errors"; "html/template"; "log"; "net/http"
"github.com/cpx-bridge/cpx-bridge/authtoken"; "github.com/cpx-bridge/cpx-bridge/authtoken/challenge"
"github.com/cpx-bridge/cpx-bridge/authtoken/revocation"
"github.com/cpx-bridge/cpx-bridge/cardlogin"; "github.com/cpx-bridge/cpx-bridge/cps"; "github.com/cpx-bridge/cpx-bridge/js")
func main() { _, _, _, _ = newPortal, withAccounts, newInstance, revocation.New }
`
	for _, block := range blocks[:4] {
		code, _, _ := strings.Cut(block, "```")
		program += code
	}
	if n := strings.Count(blocks[0][:strings.Index(blocks[0], "```")], "\n"); n > 22 { // twenty, and the function's own
		t.Errorf("the portal takes %d lines", n)
	}
	site := filepath.Join(c.home, "cpx-dev", "site")
	if err := os.WriteFile(filepath.Join(site, "main.go"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"mod tidy", "vet ."} {
		cmd := exec.Command("go", strings.Fields(command)...)
		cmd.Dir = site
		cmd.Env = append(os.Environ(), "GONOSUMDB=*") // the modules are this module's own, which has their sums
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s\n%s", command, err, out, program)
		}
	}
}
