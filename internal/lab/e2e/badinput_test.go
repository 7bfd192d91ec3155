package e2e

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
)

// TestBadInput plays what goes wrong at a card, a module or a dialog, with the
// agent as a process. tries is what it may cost on the card, as the card itself
// reports it: a wrong try sets CKF_USER_PIN_COUNT_LOW in SoftHSM.
func TestBadInput(t *testing.T) {
	text := filepath.Join(t.TempDir(), "module.so")
	if err := os.WriteFile(text, []byte("not a library\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	real, err := democard.Module()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(real)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.so")
	if err := os.WriteFile(cut, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options        stack.Options
		code           int
		reason, detail string
		entries        int // how often a PIN was typed
	}{
		"wrong PIN, then stopped": {
			options: stack.Options{AutoPIN: script("0000", "cancel")},
			code:    1202, reason: "pin_incorrect", entries: 1,
		},
		"PIN dialog cancelled":        {options: stack.Options{AutoPIN: script("cancel")}, code: 1001, reason: "cancelled"},
		"PIN dialog program died":     {options: stack.Options{AutoPIN: script("die")}, code: 1303, reason: "prompt_failed"},
		"no dialog program":           {options: stack.Options{Pinentry: "/nonexistent/pinentry"}, code: 1303, reason: "prompt_failed"},
		"expired certificate":         {options: stack.Options{Cards: []string{"expired"}, AutoPIN: script("1234")}, code: 1105, reason: "no_certificate", detail: "expired"},
		"only a signature":            {options: stack.Options{Cards: []string{"signature-only"}, AutoPIN: script("1234")}, code: 1105, reason: "no_certificate", detail: "not_for_authentication"},
		"key that needs no PIN":       {options: stack.Options{Cards: []string{"technical"}, AutoPIN: script("1234")}, code: 1105, reason: "no_certificate", detail: "key_without_pin"},
		"certificate without a key":   {options: stack.Options{Cards: []string{"no-key"}, AutoPIN: script("1234")}, code: 1105, reason: "no_certificate", detail: "no_key", entries: 1},
		"no module":                   {options: stack.Options{Modules: []string{"/nonexistent/module.so"}, AutoPIN: script("1234")}, code: 1302, reason: "no_module"},
		"module that is text":         {options: stack.Options{Modules: []string{text}, AutoPIN: script("1234")}, code: 1302, reason: "no_module", detail: "not_pkcs11"},
		"module cut short":            {options: stack.Options{Modules: []string{cut}, AutoPIN: script("1234")}, code: 1302, reason: "no_module", detail: "not_loadable"},
		"no card, the person stops":   {options: stack.Options{Extra: noTokens(t), AutoPIN: map[string]any{"pin": []string{"1234"}, "insert": "cancel"}}, code: 1001, reason: "cancelled"},
		"PIN of an impossible length": {options: stack.Options{AutoPIN: script("1", "cancel")}, code: 1001, reason: "cancelled", entries: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.options.AgentOnly = true
			s := prepare(t, c.options)
			start(t, s)
			got := open(t, s).call("authenticate", map[string]any{"challengeNonce": nonce(t), "lang": "fr"})
			if got.Error == nil {
				t.Fatalf("got a token: %s", got.Result)
			}
			if got.Error.Code != c.code || got.Error.Data.Reason != c.reason || got.Error.Data.Detail != c.detail {
				t.Errorf("got %d %s %q, want %d %s %q", got.Error.Code, got.Error.Data.Reason, got.Error.Data.Detail, c.code, c.reason, c.detail)
			}
			if !reference.Is(got.Error.Data.Reference) {
				t.Errorf("%q is no reference", got.Error.Data.Reference)
			}
			if n := asked(t, s); n != c.entries {
				t.Errorf("%d PINs were entered, want %d\n%s", n, c.entries, dialogs(t, s))
			}
		})
	}
}

func script(pins ...string) map[string]any {
	return map[string]any{"pin": pins, "confirm": []string{"ok"}}
}

// noTokens is an environment in which SoftHSM has no card.
func noTokens(t *testing.T) map[string]string {
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+dir+"\nobjectstore.backend = file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"SOFTHSM2_CONF": conf}
}

func TestMessages(t *testing.T) {
	s := prepare(t, stack.Options{AgentOnly: true})
	start(t, s)
	for name, c := range map[string]struct {
		message string
		code    int
	}{
		"not JSON":            {`{"jsonrpc":"2.0",`, -32700},
		"byte order mark":     {"\ufeff" + `{"jsonrpc":"2.0","id":1,"method":"status"}`, -32700},
		"batch":               {`[{"jsonrpc":"2.0","id":1,"method":"status"}]`, -32600},
		"no id":               {`{"jsonrpc":"2.0","method":"status"}`, -32600},
		"id null":             {`{"jsonrpc":"2.0","id":null,"method":"status"}`, -32600},
		"id fraction":         {`{"jsonrpc":"2.0","id":1.5,"method":"status"}`, -32600},
		"duplicate key":       {`{"jsonrpc":"2.0","id":1,"id":2,"method":"status"}`, -32600},
		"unknown method":      {`{"jsonrpc":"2.0","id":1,"method":"sign"}`, -32601},
		"nonce too short":     {`{"jsonrpc":"2.0","id":1,"method":"authenticate","params":{"challengeNonce":"short"}}`, -32602},
		"nonce not a string":  {`{"jsonrpc":"2.0","id":1,"method":"authenticate","params":{"challengeNonce":44}}`, -32602},
		"watch, never logged": {`{"jsonrpc":"2.0","id":1,"method":"watch","params":{"certificate":"` + strings.Repeat("0", 64) + `"}}`, -32602},
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, s)
			if err := p.socket.WriteMessage(websocket.TextMessage, []byte(c.message)); err != nil {
				t.Fatal(err)
			}
			var a answer
			if err := p.socket.ReadJSON(&a); err != nil {
				t.Fatal(err)
			}
			if a.Error == nil || a.Error.Code != c.code {
				t.Errorf("got %+v, want %d", a.Error, c.code)
			}
			if after := p.call("status", nil); after.Error != nil {
				t.Errorf("status afterwards: %+v", after.Error)
			}
		})
	}
}

func TestForeignOrigin(t *testing.T) {
	s := prepare(t, stack.Options{AgentOnly: true})
	start(t, s)
	for _, origin := range []string{
		"https://autre.example.fr", "null", "file://", "HTTP://LOCALHOST", s.Origin + "/", s.Origin + ".", "chrome-extension://abcdefgh",
	} {
		_, response, err := dial(s, origin)
		if !errors.Is(err, websocket.ErrBadHandshake) || response.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %v %v, want 403", origin, err, response)
		}
	}
}

func TestMalformedSettings(t *testing.T) {
	s := prepare(t, stack.Options{AgentOnly: true})
	for text, want := range map[string][]string{
		"modules = 3\n":                          {":1", "modules"},
		"\n[origins]\nmode = \"open\"\n":         {":3", "origins.mode"},
		"colour = \"blue\"\n":                    {":1", "colour"},
		"[pin]\nsession = \"1h\"\n":              {":2", "pin.session"},
		"modules = [\"relative/module.so\"]\n":   {":1", "modules"},
		"[origins]\nallow = [\"http://a.fr\"]\n": {":2", "origins.allow"},
		"[origins\n":                             {":1"},
	} {
		if err := os.WriteFile(s.Path("bad.toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		cmd := s.Command(t.Context(), "cpx-agent", "run", "--no-tray", "--config", s.Path("bad.toml"))
		cmd.Stderr = &stderr
		err := cmd.Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Errorf("%q: %v, want exit status 2", text, err)
		}
		for _, part := range append(want, "bad.toml") {
			if !strings.Contains(stderr.String(), part) {
				t.Errorf("%q: the message does not name %q:\n%s", text, part, &stderr)
			}
		}
	}
}
