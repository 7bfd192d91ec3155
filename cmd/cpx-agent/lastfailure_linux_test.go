package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
)

// TestLastFailureInTheWindows: the reference that a page got stands, with what failed, in
// "Diagnostic" and in the window with the state, in what their buttons copy, and in the
// report.
func TestLastFailureInTheWindows(t *testing.T) {
	const site = "https://portail.example.fr"
	p, station := workstation.WithCard(t, virtual.CardOptions{})
	s := testdesktop.NewScreen(t)
	s.Manage()
	host := testdesktop.NewTrayHost(t, p.Keyring.Bus)
	modules, err := filepath.Glob("/usr/lib/*/opensc-pkcs11.so")
	if err != nil || len(modules) == 0 {
		t.Fatal(modules, err) // WithCard has found it
	}
	p.Settings(t, "modules = [%q]\nlang = \"fr\"\n[origins]\nallow = [%q]\n[ports]\nfirst = %d\ncount = 5\n", modules[0], site, workstation.FreePorts(t, 5))
	p.Keyring.Env = append(p.Keyring.Env, "DISPLAY="+s.Display)
	await := p.StartsAs(func(cmd *exec.Cmd) { cmd.Args = cmd.Args[:len(cmd.Args)-1] }) // with its menu
	port := await(`msg=listening address=127\.0\.0\.1:(\d+)`)[1]
	m := host.Icon()
	m.Await("the card", func() bool { return m.Has("Carte prête") })

	ref := cardPulled(t, stays(t, port, site), station)
	await("login failed.* code=1104 .*reference=" + ref)
	station.Insert()
	m.Await("the card", func() bool { return m.Has("Carte prête") })

	m.Click("Diagnostic")
	window := s.Ready("^CPx Bridge · Diagnostic$") // not the one that says that it runs
	if to := os.Getenv("CPX_TEST_PICTURES"); to != "" {
		picture(t, s, filepath.Join(to, "diagnostic-failure-fr.png"))
	}
	s.Do("windowfocus", "--sync", window)
	s.Do("key", "alt+c")
	s.Role(window, "cpx-copied")
	if copied := clipboard(t, s); !strings.Contains(copied, "référence "+ref+" · carte retirée (1104)") || strings.Count(copied, ref) != 1 {
		t.Errorf("%s is not there once:\n%s", ref, copied)
	}
	s.Do("key", "Escape")
	s.Gone("^CPx Bridge · Diagnostic$")

	p.Runs(0, "run")
	window = s.Ready("CPx Bridge · État")
	if to := os.Getenv("CPX_TEST_PICTURES"); to != "" {
		picture(t, s, filepath.Join(to, "state-failure-fr.png"))
	}
	s.Do("windowfocus", "--sync", window)
	s.Do("key", "alt+c")
	s.Role(window, "cpx-copied")
	if copied := clipboard(t, s); !strings.Contains(copied, "référence "+ref) {
		t.Errorf("%s is not in\n%s", ref, copied)
	}
	if out := p.Runs(0, "doctor", "--reference", strings.ToLower(ref)); !strings.Contains(out, "reason=card_removed") {
		t.Error(out)
	}
}

// cardPulled begins a login, pulls the card while its PIN is asked for, and returns the
// reference that the page gets.
func cardPulled(t *testing.T, page *websocket.Conn, station *virtual.Station) string {
	t.Helper()
	if err := page.WriteMessage(websocket.TextMessage, []byte(`{"jsonrpc":"2.0","id":1,"method":"authenticate","params":{"challengeNonce":"`+strings.Repeat("a", 44)+`","lang":"fr"}}`)); err != nil {
		t.Fatal(err)
	}
	for {
		_ = page.SetReadDeadline(time.Now().Add(testdesktop.Patience))
		var a struct {
			Params struct{ State string }
			Error  *struct {
				Code int
				Data struct{ Reference string }
			}
			Result json.RawMessage
		}
		if err := page.ReadJSON(&a); err != nil {
			t.Fatal(err)
		}
		switch {
		case a.Params.State == "waiting-for-pin":
			station.Remove()
		case a.Error != nil && a.Error.Code == 1104 && reference.Is(a.Error.Data.Reference):
			return a.Error.Data.Reference
		case a.Error != nil, a.Result != nil:
			t.Fatalf("%+v", a)
		}
	}
}
