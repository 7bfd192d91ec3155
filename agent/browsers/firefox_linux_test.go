package browsers

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// startPatience is how long a browser may take to start, and a page to load.
const startPatience = 2 * time.Minute

// startFirefox starts a Firefox that treats the site as public, and asks before a
// page's WebSocket reaches loopback, as Firefox does from 154 on.
func (s site) startFirefox(t *testing.T) *browser.Firefox {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	f, err := browser.StartFirefox(ctx, browser.Options{Home: t.TempDir(), Origin: "https://named.test:443", CAFile: s.caFile}, map[string]any{
		"network.dns.localDomains":                  strings.Join(siteNames, ","),
		"network.lna.address_space.public.override": fmt.Sprintf("127.0.0.1:443,127.0.0.1:%d", s.port),
		"network.lna.websocket.enabled":             true, "network.lna.enabled": true, "network.lna.blocking": true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// opensInFirefox reports whether a page's socket opens. Where Firefox asks the
// person, the question is in the browser's window and nothing happens in the page.
func opensInFirefox(t *testing.T, f *browser.Firefox, origin string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	if err := f.Navigate(ctx, origin+"/"); err != nil {
		t.Fatalf("%s: %v", origin, err)
	}
	for end := time.Now().Add(testdesktop.Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var state string
		var asked bool
		if err := f.Evaluate(ctx, `return document.querySelector("#state").textContent`, &state); err != nil {
			t.Fatal(err)
		}
		if state == "socket open" {
			return true
		}
		if err := f.InBrowser(ctx, `return PopupNotifications.getNotification("loopback-network") !== null`, &asked); err != nil {
			t.Fatal(err)
		}
		if asked {
			return false
		}
	}
	t.Fatalf("%s: neither an open socket nor a question", origin)
	return false
}

// TestFirefox: the real Firefox reads the merged policies.json.
func TestFirefox(t *testing.T) {
	if !withOwnEtc(t, browser.FindFirefox) {
		return
	}
	s := newSite(t, siteNames...)
	const before = "{\n  \"policies\": {\n    \"DisableTelemetry\": true\n  }\n}\n"
	write(t, "/", firefoxFile, before)
	visitAll := func(what string, want func(visit) bool) {
		t.Helper()
		f := s.startFirefox(t)
		defer f.Close()
		// Firefox's list has no ports, and *. includes the domain itself.
		more := []visit{{fmt.Sprintf("https://named.test:%d", s.port), true}, {"https://grp.test", true}}
		for _, v := range append(visits(s), more...) {
			if open := opensInFirefox(t, f, v.origin); open != want(v) {
				t.Errorf("%s: %s: open %v, want %v", what, v.origin, open, want(v))
			}
		}
		var active string
		if err := f.InBrowser(t.Context(), `return JSON.stringify(Services.policies.getActivePolicies())`, &active); err != nil || !strings.Contains(active, `"DisableTelemetry":true`) {
			t.Errorf("%s: the others' policies are %s, %v", what, active, err)
		}
	}
	visitAll("no policy", func(visit) bool { return false })
	apply(t, Request{Origins: s.named(), Browsers: []Browser{Firefox}})
	visitAll("policy", func(v visit) bool { return v.open })
	apply(t, Request{Browsers: []Browser{Firefox}})
	if text, err := os.ReadFile(firefoxFile); err != nil || string(text) != before {
		t.Errorf("removed: %s %v", text, err)
	}
}
