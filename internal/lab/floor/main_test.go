package floor

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/desktop"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

func TestMain(m *testing.M) {
	pkcs11.RunChildRole()
	os.Exit(m.Run())
}

const site = "https://portail.example.fr"

var nonce = []byte("TEST nonce of thirty-two octets.")

// world is one demonstration card, the agent with its module's process, and the floor.
type world struct {
	t       testing.TB
	options Options
	socket  *websocket.Conn // to the agent
	request []byte
}

// newWorld has the agent in this process, as the floor: what is compared is what each does
// of a page's request. Whoever is asked answers at once. With session a card stays logged
// in so long.
func newWorld(t testing.TB, card string, session time.Duration) *world {
	t.Helper()
	if _, err := democard.Module(); err != nil {
		need.Lacks(t, "SoftHSM")
	}
	t.Setenv("PCSCLITE_CSOCK_NAME", filepath.Join(t.TempDir(), "none")) // SoftHSM's slots are no readers
	t.Setenv("SOFTHSM2_CONF", "")                                       // as it was, when the test has ended
	dir, err := os.MkdirTemp("", "cpx-floor")                           // SoftHSM reads no folder with "=" in its name, as a sub-benchmark's has
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	made, err := democard.Make(dir, []string{card}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, options: Options{Module: made[0].Module, Label: made[0].Label, PIN: made[0].PIN, KeyLabel: "CPS_PRIV_AUT"}}
	pool, err := pkcs11.Open(t.Context(), pkcs11.Options{Modules: []string{made[0].Module}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	w.dial(serve(t, pool, made[0].PIN, session))
	return w
}

func serve(t testing.TB, pool *pkcs11.Pool, pin string, session time.Duration) *agent.Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte("[origins]\nmode = \"listed\"\nallow = [\""+site+"\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, err := policy.Load(policy.Paths{User: file})
	if err != nil {
		t.Fatal(err)
	}
	settings.Ports.First, settings.Ports.Count, settings.PIN.Session = 30000+int(time.Now().UnixNano()%20000), 100, session
	server, err := agent.New(agent.Options{
		Policy: settings, Pool: pool, Logger: slog.New(slog.DiscardHandler), Version: "test",
		Prompter: fakes.Person{
			OnPIN:     func(context.Context, prompt.PIN) ([]byte, error) { return []byte(pin), nil },
			OnConfirm: func(context.Context, prompt.Caller, prompt.Holder) error { return nil },
		},
		Desktop: func(context.Context, func(desktop.Event)) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return server
}

func (w *world) dial(s *agent.Server) {
	w.t.Helper()
	d := websocket.Dialer{Subprotocols: []string{"cpx.v1"}}
	socket, _, err := d.Dial(fmt.Sprintf("ws://127.0.0.1:%d/v1", s.Port()), http.Header{"Origin": {site}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = socket.Close() })
	w.socket = socket
	w.request, err = json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": "authenticate", "params": map[string]any{"challengeNonce": nonce, "lang": "fr"}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// login is one login at the agent, from the page's frame to the one with the token.
func (w *world) login() {
	w.t.Helper()
	if err := w.socket.WriteMessage(websocket.TextMessage, w.request); err != nil {
		w.t.Fatal(err)
	}
	for {
		var a struct {
			Method string
			Result struct{ Signature []byte }
			Error  any
		}
		if err := w.socket.ReadJSON(&a); err != nil {
			w.t.Fatal(err)
		}
		switch {
		case a.Method != "":
		case len(a.Result.Signature) == 0:
			w.t.Fatalf("%+v", a.Error)
		default:
			return
		}
	}
}

// floor is the other side, with a page.
func (w *world) floor() (*Floor, *Page) {
	w.t.Helper()
	f, err := Open(w.options)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := f.Close(); err != nil {
			w.t.Error(err)
		}
	})
	p, err := f.Dial()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = p.Close() })
	return f, p
}
