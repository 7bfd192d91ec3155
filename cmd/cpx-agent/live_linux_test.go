package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// visit connects as a page of the origin does.
func visit(port, origin string) (*websocket.Conn, int, error) {
	d := websocket.Dialer{Subprotocols: []string{"cpx.v1"}}
	socket, answer, err := d.Dial("ws://127.0.0.1:"+port+"/v1", http.Header{"Origin": {origin}})
	if answer == nil {
		return socket, 0, err
	}
	return socket, answer.StatusCode, err
}

func stays(t *testing.T, port, origin string) *websocket.Conn {
	t.Helper()
	socket, status, err := visit(port, origin)
	if err != nil {
		t.Fatalf("%s: %d %v", origin, status, err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return socket
}

// statusOf is what the agent answers a page, or the close of its socket.
func statusOf(socket *websocket.Conn) (string, error) {
	_ = socket.WriteMessage(websocket.TextMessage, []byte(`{"jsonrpc":"2.0","id":1,"method":"status"}`))
	_ = socket.SetReadDeadline(time.Now().Add(testdesktop.Patience))
	_, message, err := socket.ReadMessage()
	return string(message), err
}

// TestPolicyLive: an agent that runs follows the machine's policy as it comes, changes, turns
// bad, is mended and goes, without a new start.
func TestPolicyLive(t *testing.T) {
	const once, listed = "https://once.example.fr", "https://portail.example.fr"
	m := newManaged(t)
	first, second := workstation.FreePorts(t, 2), workstation.FreePorts(t, 2)
	m.Settings(t, "[ports]\nfirst = %d\ncount = 1\n", first)
	await := m.StartsAs(func(cmd *exec.Cmd) { m.there(cmd) })
	port := await(`msg=listening address=127\.0\.0\.1:(\d+)`)[1]
	asked := stays(t, port, once)

	policy := func(ports int, more string) {
		m.policy(fmt.Sprintf("modules = [%q]\n[ports]\nfirst = %d\ncount = 1\n[origins]\nmode = \"listed\"\nallow = [%q]\n%s", m.Module, ports, listed, more))
	}
	policy(first, "")
	await(`msg="setting changed" key=origins\.mode old="\\"ask\\"" new="\\"listed\\"" was_from=default from=/etc/cpx-bridge/policy\.toml`)
	_ = asked.SetReadDeadline(time.Now().Add(testdesktop.Patience))
	if _, _, err := asked.ReadMessage(); !websocket.IsCloseError(err, websocket.ClosePolicyViolation) {
		t.Errorf("a site that is not listed any more: %v", err)
	}
	if _, status, err := visit(port, once); err == nil || status != http.StatusForbidden {
		t.Errorf("it connects again: %d %v", status, err)
	}
	page := stays(t, port, listed)
	if got, err := statusOf(page); err != nil || !strings.Contains(got, `"version"`) {
		t.Errorf("a listed site: %s %v", got, err)
	}

	policy(second, "[log]\nlevel = \"debug\"\n")
	await(`msg="no longer listening" address=127\.0\.0\.1:` + port)
	await(`key=log\.level .* new="\\"debug\\""`)
	asks := stays(t, fmt.Sprint(second), listed)
	_ = asks.WriteMessage(websocket.TextMessage, []byte(`{"jsonrpc":"2.0","id":1,"method":"authenticate","params":{"challengeNonce":"`+strings.Repeat("a", 44)+`","lang":"fr"}}`))
	await(`level=DEBUG msg="login step"`)
	_ = asks.Close()
	if got, err := statusOf(page); err != nil || !strings.Contains(got, `"version"`) {
		t.Errorf("a page on the old port: %s %v", got, err)
	}
	port = fmt.Sprint(second)
	stays(t, port, listed)
	if got := m.runs(1, "policy"); !strings.Contains(got, port) {
		t.Errorf("policy shows another port:\n%s", got)
	}

	policy(second, "[pin]\nsession = \"9h\"\n")
	await(`level=ERROR msg="settings are not taken: those from before stay in force" key=pin\.session line=\d+ error="/etc/cpx-bridge/policy\.toml:\d+: pin\.session`)
	if _, status, err := visit(port, once); err == nil || status != http.StatusForbidden {
		t.Errorf("beside a bad policy: %d %v", status, err)
	}
	stays(t, port, listed)
	if f := m.findings(1, "--lang", "fr")["settings_bad"]; !strings.Contains(f.Text, "pin.session") || !strings.Contains(f.Text, "Un agent déjà lancé garde les réglages d’avant") {
		t.Errorf("doctor: %+v", f)
	}
	workstation.Contains(t, m.runs(2, "run", "--no-tray"), "pin.session") // a fresh start does not begin

	file := filepath.Join(m.etc, "cpx-bridge", "policy.toml")
	policy(second, "")
	await(`msg="the settings are good again"`)
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	await(`not protected.*chmod go-w`)
	stays(t, port, listed)

	// Another module is loaded in the place of the one that was.
	other := filepath.Join(filepath.Dir(m.Module), "other-"+filepath.Base(m.Module))
	text, err := os.ReadFile(m.Module)
	if err := errors.Join(err, os.WriteFile(other, text, 0o755), os.Chmod(file, 0o644)); err != nil {
		t.Fatal(err)
	}
	m.Module = other
	policy(second, "")
	await(`msg="modules of the new settings" .*other-`)
	workstation.Contains(t, m.runs(0, "run", "--no-tray"), other) // of the agent that runs

	if err := os.RemoveAll(filepath.Dir(file)); err != nil {
		t.Fatal(err)
	}
	await(`key=origins\.mode old="\\"listed\\"" new="\\"ask\\"" was_from=/etc/cpx-bridge/policy\.toml from=default`)
	port = await(`(?s)other-.*msg=listening address=127\.0\.0\.1:(\d+)`)[1]
	if got, err := statusOf(stays(t, port, once)); err != nil || strings.Contains(got, `"version"`) {
		t.Errorf("without a policy: %s %v", got, err)
	}
}
