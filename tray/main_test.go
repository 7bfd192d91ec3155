package tray

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

func TestMain(m *testing.M) {
	RunChildRole() // the menu's process is this program
	os.Exit(m.Run())
}

// desk is an agent whose state the test sets, and which says what it was asked
// to do. The real one is in internal/lab/e2e.
type desk struct {
	mu      sync.Mutex
	state   agent.State
	listens map[chan struct{}]bool
	did     chan string
	fails   bool
}

func newDesk() *desk {
	return &desk{
		state:   agent.State{Lang: agent.French, Readers: 1, Card: "absent", Version: "test"},
		listens: map[chan struct{}]bool{}, did: make(chan string, 16),
	}
}

// set changes the state and tells.
func (d *desk) set(change func(s *agent.State)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.state)
	for l := range d.listens {
		select {
		case l <- struct{}{}:
		default:
		}
	}
}

func (d *desk) State() agent.State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

func (d *desk) Changes(ctx context.Context) <-chan struct{} {
	l := make(chan struct{}, 1)
	d.mu.Lock()
	d.listens[l] = true
	d.mu.Unlock()
	context.AfterFunc(ctx, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.listens, l)
	})
	return l
}

var errTest = errors.New("TEST: refused")

func (d *desk) done(what string) error {
	d.did <- what
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails {
		return errTest
	}
	return nil
}

func (d *desk) Use(id string) error {
	if err := d.done("use " + id); err != nil {
		return err
	}
	d.set(func(s *agent.State) {
		list := append([]agent.CertificateState(nil), s.Certificates...)
		for i := range list {
			list[i].Chosen = list[i].ID == id
		}
		s.Certificates = list
	})
	return nil
}

func (d *desk) Forget(origin string) error {
	if err := d.done("forget " + origin); err != nil {
		return err
	}
	d.set(func(s *agent.State) { s.Sites = nil })
	return nil
}

func (d *desk) LockCards(context.Context) error {
	d.set(func(s *agent.State) { s.PINSession = false })
	return d.done("lock")
}

func (d *desk) SetLanguage(lang string) error {
	d.set(func(s *agent.State) { s.Lang = lang })
	return d.done("language " + lang)
}

func (d *desk) Refresh(context.Context)   { _ = d.done("refresh") }
func (d *desk) ShowState(context.Context) { _ = d.done("state") }

// held is a certificate of a card in the reader.
func held(id string) agent.CertificateState {
	return agent.CertificateState{ID: id, Holder: prompt.Holder{Name: "TEST_" + id, Profession: "Médecin", Kind: "CPS", NotAfter: "31/12/2030"}}
}

func withReason(c agent.CertificateState, r pkcs11.Reason) agent.CertificateState {
	c.Reason = r
	return c
}

func present(s *agent.State) {
	s.Card = "present"
	s.Certificates = []agent.CertificateState{held("one"), held("two"), withReason(held("expired"), pkcs11.Expired)}
}

func absent(s *agent.State) { s.Card, s.Certificates = "absent", nil }

var testSite = sites.Site{Origin: "https://portail.example.fr"}
