package attack

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

// station is a virtual card on a virtual reader, behind OpenSC, whose PIN tries can be
// counted, with the person who is asked for the PIN in the attack's hands.
type station struct {
	*virtual.Station
	pki *demopki.PKI

	mu sync.Mutex
	// typed is called for each PIN dialog, and returns what is typed into it: a PIN, or
	// "cancel". It may wait.
	typed func() string
}

// OpenWithReader is Open with a card on a reader, in a world that is Empty.
func (w *World) OpenWithReader(o stack.Options, card virtual.CardOptions) (*station, error) {
	modules, err := filepath.Glob("/usr/lib/*/opensc-pkcs11.so")
	if err != nil || len(modules) == 0 {
		return nil, Missing("OpenSC's module is not installed (package opensc-pkcs11)")
	}
	s := &station{typed: func() string { return virtual.PIN }}
	asked := filepath.Join(w.Dir, "pin")
	l, err := net.Listen("unix", asked)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(w.Context, func() { _ = l.Close() })
	go s.answer(l)
	socket := filepath.Join(w.Dir, "pcscd")
	o.AgentOnly, o.Modules = true, modules[:1]
	o.AutoPIN = map[string]any{"socket": asked, "confirm": []string{"ok"}}
	o.Extra = map[string]string{"PCSCLITE_CSOCK_NAME": socket}
	o.Dir, o.Bin = w.Dir, w.Bin
	if w.Stack, err = stack.Prepare(w.Context, o); err != nil {
		return nil, err
	}
	if s.pki, err = democard.OpenPKI(w.Path("card/ca"), time.Now()); err != nil {
		return nil, err
	}
	c, err := virtual.NewCard(s.pki.Intermediate, card)
	if err != nil {
		return nil, err
	}
	if s.Station, err = virtual.NewStation(virtual.StationOptions{Socket: socket, Card: c}); err != nil {
		return nil, err
	}
	context.AfterFunc(w.Context, func() { _ = s.Stop() })
	w.Agent, err = w.StartAgent(w.Context, false, "--no-tray")
	return s, err
}

func (s *station) answer(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			s.mu.Lock()
			typed := s.typed
			s.mu.Unlock()
			out := bufio.NewWriter(conn)
			_, _ = fmt.Fprintln(out, typed())
			_ = out.Flush()
		}()
	}
}

// types sets what is typed from now on.
func (s *station) types(typed func() string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.typed = typed
}

// pinDialogs is how many PIN dialogs there were.
func (w *World) pinDialogs() (n int) {
	for _, line := range w.Dialogs() {
		if line == "GETPIN" {
			n++
		}
	}
	return n
}

// reason is how an authenticate on a socket of its own ended: "ok", or the error's reason.
func (w *World) reason(origin string) string {
	p, response, err := w.Dial(origin, nil)
	if err != nil {
		if response != nil {
			return response.Status
		}
		return err.Error()
	}
	defer p.Socket.Close()
	a, err := p.Call("authenticate", map[string]any{"challengeNonce": Nonce(), "lang": "fr"})
	switch {
	case err != nil:
		return err.Error()
	case a.Error != nil:
		return a.Error.Data.Reason
	case strings.Contains(string(a.Result), `"web-eid:1.0"`):
		return "ok"
	}
	return "an answer without a token"
}
