package situations

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/denied"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/faultmodule"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/jsonschema"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

const origin = "https://portail.test"

// built are the programs and the module that fails on demand, made once.
var built struct {
	dir    string
	module faultmodule.Module
}

func TestMain(m *testing.M) {
	denied.RunRole()
	pkcs11.RunChildRole()
	dir, err := os.MkdirTemp("", "cpxsit")
	if err == nil {
		cmd := exec.Command("go", "build", "-o", dir+"/", "./cmd/cpx-agent", "./internal/lab/autopin")
		cmd.Dir = filepath.Join("..", "..", "..")
		cmd.Stderr = os.Stderr
		err = cmd.Run()
	}
	if err == nil {
		built.dir = dir
		built.module, err = faultmodule.Build(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// world is a workstation in a situation.
type world struct {
	*workstation.Workstation
	Keyring  *testdesktop.Keyring
	t        *testing.T
	modules  []string
	settings string   // more of them
	raw      []byte   // in place of all of them
	env      []string // more of it
	denied   string   // package denied's name of what the kernel denies
	answer   string   // how long a module may take to open; "": as long as a busy machine needs
	pin      string
	station  *virtual.Station
	pki      *demopki.PKI
	log      *agentLog
}

// newWorld is a workstation with SoftHSM cards, an open keyring, and a reader without a
// card.
func newWorld(t *testing.T, cards ...string) *world {
	t.Helper()
	w := &world{t: t, pin: democard.PIN, Workstation: workstation.New(t, cards...), Keyring: testdesktop.NewKeyring(t, "")}
	w.modules = []string{w.Module}
	var err error
	if w.pki, err = demopki.New(time.Now()); err != nil {
		t.Fatal(err)
	}
	w.reader(virtual.StationOptions{})
	return w
}

// reader plugs another virtual reader in the place of the one that there is.
func (w *world) reader(o virtual.StationOptions) {
	w.t.Helper()
	if w.station != nil {
		must(w.t, w.station.Stop())
	}
	o.Socket = filepath.Join(w.Keyring.Home, "pcscd")
	var err error
	if w.station, err = virtual.NewStation(o); err != nil {
		w.t.Fatal(err)
	}
	station := w.station
	w.t.Cleanup(func() { _ = station.Stop() })
	w.env = append(w.env, "PCSCLITE_CSOCK_NAME="+o.Socket)
}

// opensc is a workstation with OpenSC and a virtual card in a virtual reader.
func opensc(t *testing.T, o virtual.CardOptions) *world {
	t.Helper()
	w := newWorld(t)
	found, err := filepath.Glob("/usr/lib/*/opensc-pkcs11.so")
	if err != nil || len(found) == 0 {
		need.Lacks(t, "OpenSC's module")
	}
	w.modules, w.pin = found[:1], virtual.PIN
	card, err := virtual.NewCard(w.pki.Intermediate, o)
	must(t, err)
	w.reader(virtual.StationOptions{Card: card})
	return w
}

// faulty puts the module that fails on demand before the world's first module.
func (w *world) faulty(faults ...string) {
	w.t.Helper()
	for key, value := range built.module.Env(w.modules[0]) {
		w.env = append(w.env, key+"="+value)
	}
	w.modules[0] = built.module.Path
	if len(faults)%2 != 0 {
		w.t.Fatal("faults come in pairs of function and fault")
	}
	must(w.t, built.module.Heal())
	for i := 0; i < len(faults); i += 2 {
		must(w.t, built.module.Fail(faults[i], faults[i+1]))
		if faults[i+1] == "hang" {
			w.answer = "5s"
		}
	}
	w.t.Cleanup(func() { must(w.t, built.module.Heal()) })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write writes the settings, and the person's answers beside the pinentry.
func (w *world) write() (port int) {
	w.t.Helper()
	program, err := os.ReadFile(filepath.Join(built.dir, "autopin"))
	must(w.t, err)
	pinentry := filepath.Join(w.Dir, "autopin")
	must(w.t, os.WriteFile(pinentry, program, 0o700))
	w.answers("cancel")
	port = workstation.FreePorts(w.t, 1)
	quoted := make([]string, len(w.modules))
	for i, m := range w.modules {
		quoted[i] = fmt.Sprintf("%q", m)
	}
	w.Settings(w.t, "modules = [%s]\npinentry = %q\nnotifications = false\n%s\n[origins]\nallow = [%q]\n[ports]\nfirst = %d\ncount = 1\n[limits]\npin_pad = \"20s\"\ncard = \"5s\"\nother = %q\n",
		strings.Join(quoted, ", "), pinentry, w.settings, origin, port, cmp.Or(w.answer, "15s"))
	if w.raw != nil {
		must(w.t, os.WriteFile(w.Config, w.raw, 0o600))
	}
	return port
}

// answers is what the person does: types the PIN, and answers a dialog that wants a
// card.
func (w *world) answers(insert string) {
	w.t.Helper()
	script, err := json.Marshal(map[string]any{"pin": []string{w.pin}, "confirm": []string{"ok"}, "insert": insert, "log": filepath.Join(w.Dir, "dialogs")})
	must(w.t, err)
	must(w.t, os.WriteFile(filepath.Join(w.Dir, "autopin.json"), script, 0o600))
}

func (w *world) command(args ...string) *exec.Cmd {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(built.dir, "cpx-agent"), append([]string{"--config", w.Config}, args...)...)
	cmd.Env = append(append(os.Environ(), w.Keyring.Env...), "XDG_STATE_HOME="+filepath.Join(w.Keyring.Home, "state"))
	cmd.Env = append(cmd.Env, w.env...)
	if w.denied != "" {
		must(w.t, denied.Deny(cmd, w.denied))
	}
	return cmd
}

// prints returns what a command prints, whatever its status.
func (w *world) prints(args ...string) string {
	w.t.Helper()
	out, err := w.command(args...).CombinedOutput()
	if _, ended := err.(*exec.ExitError); err != nil && !ended {
		w.t.Fatal(err)
	}
	return string(out)
}

func (w *world) findings(lang string) (list []doctor.Finding) {
	w.t.Helper()
	out := w.prints("doctor", "--json", "--lang", lang)
	begin := strings.Index(out, "{")
	var r doctor.Report
	if begin < 0 || json.NewDecoder(strings.NewReader(out[begin:])).Decode(&r) != nil {
		w.t.Fatalf("doctor printed %s", out)
	}
	if err := jsonschema.Check(doctor.Schema(), []byte(out[begin:])); err != nil {
		w.t.Error(err)
	}
	return r.Findings
}

// agentLog is what a running agent writes to standard error.
type agentLog struct {
	mu    sync.Mutex
	text  strings.Builder
	lines chan struct{}
}

func (l *agentLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() {
		select {
		case l.lines <- struct{}{}:
		default:
		}
	}()
	return l.text.Write(b)
}

func (l *agentLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await returns the log once it holds a text with the rest of its line: the pipe may be
// behind what a page was told.
func (l *agentLog) await(t *testing.T, part string) string {
	t.Helper()
	patience := time.After(testdesktop.Patience)
	for {
		if _, rest, found := strings.Cut(l.String(), part); found && strings.Contains(rest, "\n") {
			return l.String()
		}
		select {
		case <-l.lines:
		case <-patience:
			t.Fatalf("%q is not in the log:\n%s", part, l)
		}
	}
}

// starts starts the agent and reports whether it serves; where it ends instead, false.
func (w *world) starts() bool {
	w.t.Helper()
	w.log = &agentLog{lines: make(chan struct{}, 1)}
	cmd := w.command("run", "--no-tray")
	cmd.Stderr = w.log
	must(w.t, cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }() // its status says nothing that its log does not
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	patience := time.After(testdesktop.Patience)
	for {
		if strings.Contains(w.log.String(), "msg=listening") {
			return true
		}
		select {
		case <-w.log.lines:
		case <-ended:
			return false
		case <-patience:
			w.t.Fatalf("the agent neither serves nor ends:\n%s", w.log)
		}
	}
}

// logIn logs in as a page does and returns "ok", or reason and detail as the page's
// texts name them.
func (w *world) logIn(port int) string {
	w.t.Helper()
	d := websocket.Dialer{Subprotocols: []string{"cpx.v1"}, HandshakeTimeout: testdesktop.Patience}
	socket, _, err := d.Dial(fmt.Sprintf("ws://127.0.0.1:%d/v1", port), http.Header{"Origin": {origin}})
	must(w.t, err)
	defer socket.Close()
	nonce := make([]byte, 32)
	_, _ = rand.Read(nonce)
	must(w.t, socket.WriteJSON(map[string]any{
		"jsonrpc": "2.0", "id": 1, "method": "authenticate", "params": map[string]string{"challengeNonce": base64.StdEncoding.EncodeToString(nonce)},
	}))
	must(w.t, socket.SetReadDeadline(time.Now().Add(6*testdesktop.Patience)))
	for {
		var m struct {
			Result struct{ Format string }
			Error  *struct {
				Data struct{ Reason, Detail string }
			}
		}
		must(w.t, socket.ReadJSON(&m))
		switch {
		case m.Error != nil && m.Error.Data.Detail != "":
			return m.Error.Data.Reason + "." + m.Error.Data.Detail
		case m.Error != nil:
			return m.Error.Data.Reason
		case m.Result.Format != "":
			return "ok"
		}
	}
}
