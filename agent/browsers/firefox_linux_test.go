package browsers

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/testdesk"
)

// firefox is a real Firefox, driven through Marionette.
type firefox struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	last int
}

// startFirefox starts one that treats the site as public, and asks before a
// page's WebSocket reaches loopback, as Firefox does from 154 on.
func (s site) startFirefox(t *testing.T) (*firefox, func()) {
	t.Helper()
	program, err := exec.LookPath("firefox-esr")
	if err != nil {
		if program, err = exec.LookPath("firefox"); err != nil {
			t.Fatalf("%v: YES=1 scripts/setup test installs it", err)
		}
	}
	home := t.TempDir()
	profile := filepath.Join(home, "profile")
	prefs := fmt.Sprintf(`user_pref("marionette.port", 0);
user_pref("network.dns.localDomains", %q);
user_pref("network.lna.address_space.public.override", "127.0.0.1:443,127.0.0.1:%d");
user_pref("network.lna.websocket.enabled", true);
user_pref("network.lna.enabled", true);
user_pref("network.lna.blocking", true);
`, strings.Join(siteNames, ","), s.port)
	if err := errors.Join(os.Mkdir(profile, 0o700), os.WriteFile(filepath.Join(profile, "user.js"), []byte(prefs), 0o600)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--headless", "--marionette", "--remote-allow-system-access", "--no-remote", "--profile", profile)
	cmd.Env = append(os.Environ(), "HOME="+home, "MOZ_CRASHREPORTER_DISABLE=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	conn, err := dialMarionette(filepath.Join(profile, "MarionetteActivePort"))
	if err != nil {
		stop()
		t.Fatal(err)
	}
	f := &firefox{t: t, conn: conn, in: bufio.NewReader(conn)}
	f.read() // the greeting
	f.do("WebDriver:NewSession", map[string]any{}, nil)
	return f, func() { _ = conn.Close(); stop() }
}

// dialMarionette waits for the file in which Firefox tells its port.
func dialMarionette(file string) (net.Conn, error) {
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if port, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			return net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		}
	}
	return nil, errors.New("Firefox does not start")
}

// read reads one message: its length, a colon, JSON.
func (f *firefox) read() []byte {
	f.t.Helper()
	_ = f.conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
	head, err := f.in.ReadString(':')
	if err != nil {
		f.t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSuffix(head, ":"))
	if err != nil {
		f.t.Fatal(err)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(f.in, text); err != nil {
		f.t.Fatal(err)
	}
	return text
}

func (f *firefox) do(command string, params, result any) {
	f.t.Helper()
	f.last++
	text, err := json.Marshal([]any{0, f.last, command, params})
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(f.conn, "%d:%s", len(text), text); err != nil {
		f.t.Fatal(err)
	}
	answer := [4]json.RawMessage{}
	if err := json.Unmarshal(f.read(), &answer); err != nil {
		f.t.Fatal(err)
	}
	if string(answer[2]) != "null" {
		f.t.Fatalf("%s: %s", command, answer[2])
	}
	if result != nil {
		if err := json.Unmarshal(answer[3], result); err != nil {
			f.t.Fatal(err)
		}
	}
}

// script runs in the page, or with chrome in the browser's own scope.
func (f *firefox) script(scope, text string) string {
	f.t.Helper()
	var result struct{ Value string }
	f.do("Marionette:SetContext", map[string]string{"value": scope}, nil)
	f.do("WebDriver:ExecuteScript", map[string]any{"script": text, "args": []any{}}, &result)
	return result.Value
}

// opens tells whether a page's socket opens. Where the person would be asked,
// the question stands in the browser's window and nothing happens in the page.
func (f *firefox) opens(origin string) bool {
	f.t.Helper()
	f.do("Marionette:SetContext", map[string]string{"value": "content"}, nil)
	f.do("WebDriver:Navigate", map[string]string{"url": origin + "/"}, nil)
	for end := time.Now().Add(testdesk.Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if strings.Contains(f.script("content", `return document.querySelector("#state").textContent`), "socket open") {
			return true
		}
		if f.script("chrome", `return String(PopupNotifications.getNotification("loopback-network") !== null)`) == "true" {
			return false
		}
	}
	f.t.Fatalf("%s: neither open nor a question", origin)
	return false
}

// TestFirefox: the real Firefox reads the merged policies.json.
func TestFirefox(t *testing.T) {
	if !withOwnEtc(t) {
		return
	}
	s := newSite(t, siteNames...)
	before := fmt.Sprintf("{\n  \"policies\": {\n    \"Certificates\": {\"Install\": [%q]},\n    \"DisableTelemetry\": true\n  }\n}\n", s.caFile)
	write(t, "/", firefoxFile, before)
	visitAll := func(what string, want func(visit) bool) {
		t.Helper()
		f, stop := s.startFirefox(t)
		defer stop()
		// A port cannot be said in Firefox, and *. takes in the domain itself.
		more := []visit{{fmt.Sprintf("https://named.test:%d", s.port), true}, {"https://grp.test", true}}
		for _, v := range append(visits(s), more...) {
			if open := f.opens(v.origin); open != want(v) {
				t.Errorf("%s: %s: open %v, want %v", what, v.origin, open, want(v))
			}
		}
		active := f.script("chrome", `return JSON.stringify(Services.policies.getActivePolicies())`)
		if !strings.Contains(active, `"DisableTelemetry":true`) {
			t.Errorf("%s: the others' policies are %s", what, active)
		}
	}
	visitAll("no policy", func(visit) bool { return false })
	apply(t, Request{Origins: s.named(), Browsers: []Browser{Firefox}})
	visitAll("policy", func(v visit) bool { return v.open })
	apply(t, Request{Browsers: []Browser{Firefox}})
	if text, err := os.ReadFile(firefoxFile); err != nil || string(text) != before {
		t.Errorf("taken away again: %s %v", text, err)
	}
}
