// Package faults plays faults of cards, readers, modules, dialogs and pages against
// the agent as it is built, round after round, and checks that each round ended in
// the right error, cost no PIN try that nobody made, and left an agent that logs
// in.
//
// It is for one caller at a time.
package faults

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/faultmodule"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fulldisk"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// patience bounds every wait; none should take as long.
const patience = 40 * time.Second

// setup is what faults happen to: which card on which reader.
type setup struct {
	name     string
	software bool // whether it is a SoftHSM token, behind a module that fails on demand
	pinPad   bool
	disk     bool // whether the agent's state is on a disk of its own, which needs root
	card     virtual.CardOptions
	cached   bool   // OpenSC keeps what it reads of cards in files
	token    string // the demonstration card that the token is, "" for the usual one
	vendor   bool   // its module behaves as the vendor's does
}

// withCard is a token that is this demonstration card.
func withCard(name string) setup { return setup{name: "module, " + name, software: true, token: name} }

var (
	onReader = setup{name: "cps3"}
	onTwo    = setup{name: "two certificates", card: virtual.CardOptions{Type: virtual.PIV, SignatureForLogin: true}}
	onPINPad = setup{name: "PIN pad", pinPad: true}
	onDisk   = setup{name: "small disk", disk: true}
	onCache  = setup{name: "cache", cached: true, card: virtual.CardOptions{Serial: "00000007"}}
	onCurve  = withCard("cps-ec")
	onVendor = setup{name: "vendor", vendor: true}
	inModule = setup{name: "module", software: true}
)

// world is a running agent with its card.
type world struct {
	stack   *stack.Stack
	station *virtual.Station // nil for a SoftHSM token
	module  faultmodule.Module
	disk    *fulldisk.Disk // of the agent's state, where it has one of its own
	pki     *demopki.PKI
	cache   string // the folder of OpenSC's files
	agent   *stack.Process
	end     context.CancelFunc
	ctx     context.Context
}

// settle is the script of a person whose login succeeds.
var settle = map[string]any{"pin": []string{virtual.PIN}, "confirm": []string{"ok"}}

// shortLimits make the agent detect a hanging module soon.
const shortLimits = "[limits]\npin_pad = \"20s\"\ncard = \"1s\"\nother = \"1s\"\n"

func (p setup) open(ctx context.Context, dir, bin string) (*world, error) {
	dir, err := os.MkdirTemp(dir, "w")
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "pcscd")
	o := stack.Options{Dir: dir, Bin: bin, AgentOnly: true, AutoPIN: settle, Extra: map[string]string{"PCSCLITE_CSOCK_NAME": socket}, Settings: shortLimits}
	w := &world{}
	if p.software {
		if w.module, err = faultmodule.Build(ctx, dir); err != nil {
			return nil, err
		}
		real, err := democard.Module()
		if err != nil {
			return nil, err
		}
		o.Modules = []string{w.module.Path}
		if p.token != "" {
			o.Cards = []string{p.token}
		}
		for key, value := range w.module.Env(real) {
			o.Extra[key] = value
		}
	} else {
		found, err := filepath.Glob("/usr/lib/*/opensc-pkcs11.so")
		if err != nil || len(found) == 0 {
			return nil, errors.New("OpenSC's module is not installed (package opensc-pkcs11)")
		}
		o.Modules = found[:1]
	}
	if p.vendor {
		if w.module, err = faultmodule.Build(ctx, dir); err != nil {
			return nil, err
		}
		for key, value := range w.module.VendorEnv(o.Modules[0]) {
			o.Extra[key] = value
		}
		o.Modules = []string{w.module.Path}
	}
	if p.cached {
		conf := filepath.Join(dir, "opensc.conf")
		text := fmt.Sprintf("app default { framework pkcs15 { use_file_caching = yes; file_cache_dir = %q; } }", filepath.Join(dir, "opensc-cache"))
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			return nil, err
		}
		w.cache, o.Extra["OPENSC_CONF"] = filepath.Join(dir, "opensc-cache"), conf
	}
	if w.stack, err = stack.Prepare(ctx, o); err != nil {
		return nil, err
	}
	if w.pki, err = democard.OpenPKI(w.stack.Path("card/ca"), time.Now()); err != nil {
		return nil, err
	}
	if !p.software {
		card, err := virtual.NewCard(w.pki.Intermediate, p.card)
		if err != nil {
			return nil, err
		}
		if w.station, err = virtual.NewStation(virtual.StationOptions{Socket: socket, PINPad: p.pinPad, Card: card}); err != nil {
			return nil, err
		}
	}
	if p.disk {
		if err := os.MkdirAll(w.stack.Path("state"), 0o700); err != nil {
			return nil, err
		}
		if w.disk, err = fulldisk.Mount(w.stack.Path("state")); err != nil {
			return nil, err
		}
	}
	w.ctx, w.end = context.WithCancel(ctx)
	return w, w.start()
}

func (w *world) start() (err error) {
	w.agent, err = w.stack.StartAgent(w.ctx, false, "--no-tray")
	return err
}

func (w *world) close() error {
	w.end()
	_ = w.agent.Wait() // ended by us
	if w.disk != nil {
		if err := w.disk.Unmount(); err != nil {
			return err
		}
	}
	if w.station != nil {
		return w.station.Stop()
	}
	return nil
}

// pin is the PIN of the station's card; a SoftHSM token gets a substitute, because
// its tries cannot be counted.
func (w *world) pin() *vcard.PIN {
	if w.station == nil {
		return vcard.NewPIN("", 1)
	}
	return w.station.Card().PIN()
}

// children are the processes of the agent's modules.
func (w *world) children() []int {
	pid := strconv.Itoa(w.agent.PID())
	text, _ := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
	var list []int
	// The system lists a thread's children under the thread.
	tasks, _ := filepath.Glob("/proc/" + pid + "/task/*/children")
	for _, task := range tasks {
		more, _ := os.ReadFile(task)
		text = append(append(text, ' '), more...)
	}
	for _, field := range strings.Fields(string(text)) {
		if n, err := strconv.Atoi(field); err == nil {
			if line, _ := os.ReadFile("/proc/" + field + "/cmdline"); strings.Contains(string(line), string(role.PKCS11Module)) {
				list = append(list, n)
			}
		}
	}
	return list
}

func (w *world) killModule() {
	for _, pid := range w.children() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// page is a page's socket.
type page struct {
	socket *websocket.Conn
	detail string // of the last error
}

func (w *world) page() (*page, error) {
	d := websocket.Dialer{Subprotocols: []string{"cpx.v1"}, HandshakeTimeout: patience}
	socket, _, err := d.Dial("ws://"+w.stack.AgentAddress()+"/v1", http.Header{"Origin": {w.stack.Origin}})
	return &page{socket: socket}, err
}

// authenticate asks for a token, and calls at's functions at their progress states.
// It returns "ok", the reason of the error, or "closed".
func (p *page) authenticate(at map[string]func()) string {
	nonce := make([]byte, 32)
	_, _ = rand.Read(nonce)
	err := p.socket.WriteJSON(map[string]any{
		"jsonrpc": "2.0", "id": 1, "method": "authenticate", "params": map[string]string{"challengeNonce": base64.StdEncoding.EncodeToString(nonce)},
	})
	if err != nil {
		return "closed"
	}
	_ = p.socket.SetReadDeadline(time.Now().Add(2 * patience))
	for {
		var m struct {
			Method string
			Params struct{ State string }
			Result struct{ Format string }
			Error  *struct {
				Data struct{ Reason, Detail string }
			}
		}
		switch err := p.socket.ReadJSON(&m); {
		case err != nil && strings.Contains(err.Error(), "timeout"):
			return "no answer"
		case err != nil:
			return "closed"
		case m.Method == "progress":
			if do := at[m.Params.State]; do != nil {
				delete(at, m.Params.State)
				do()
			}
		case m.Method != "":
		case m.Error != nil:
			p.detail = m.Error.Data.Detail
			return m.Error.Data.Reason
		case m.Result.Format == "web-eid:1.0":
			return "ok"
		default:
			return "an answer without a token"
		}
	}
}

// login makes a login on a page of its own, as authenticate does.
func (w *world) login(at map[string]func()) string {
	p, err := w.page()
	if err != nil {
		return "no agent: " + err.Error()
	}
	defer p.socket.Close()
	return p.authenticate(at)
}

// detailed is login, with the detail of the error.
func (w *world) detailed() string {
	p, err := w.page()
	if err != nil {
		return "no agent: " + err.Error()
	}
	defer p.socket.Close()
	return strings.TrimSpace(p.authenticate(nil) + " " + p.detail)
}

// recovered logs in once more. It allows for the agent's pause before it restarts a
// module.
func (w *world) recovered() error {
	if err := w.stack.Person(settle); err != nil {
		return err
	}
	end := time.Now().Add(patience)
	for {
		at := map[string]func(){}
		if w.station != nil && w.station.Reader() != nil {
			reader := w.station.Reader()
			at[awaitingPIN] = func() { go reader.Type(virtual.PIN, time.Second) }
		}
		got := w.login(at)
		if got == "ok" {
			return nil
		}
		if got != "module_failed" || time.Now().After(end) {
			return fmt.Errorf("the next login: %s", got)
		}
		time.Sleep(100 * time.Millisecond) // the agent's own pause before a restart
	}
}

// The states of a login.
const (
	awaitingCard = "waiting-for-card"
	choosing     = "choosing-certificate"
	awaitingPIN  = "waiting-for-pin"
	signing      = "signing"
)
