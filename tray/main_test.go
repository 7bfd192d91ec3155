package tray

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

func TestMain(m *testing.M) {
	RunChildRole() // the menu's process is this program
	os.Exit(m.Run())
}

// fakeAgent is an agent whose state the test sets, and which reports its calls. The
// real one is in internal/lab/e2e.
type fakeAgent struct {
	mu      sync.Mutex
	state   state.State
	listens map[chan struct{}]bool
	did     chan string
	fails   bool
}

func newFakeAgent() *fakeAgent {
	return &fakeAgent{
		state:   state.State{Lang: language.French, ReaderCount: 1, Card: "absent", Version: "test"},
		listens: map[chan struct{}]bool{}, did: make(chan string, 16),
	}
}

// set changes the state and notifies the listeners.
func (d *fakeAgent) set(change func(s *state.State)) {
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

func (d *fakeAgent) State() state.State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

func (d *fakeAgent) Changes(ctx context.Context) <-chan struct{} {
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

func (d *fakeAgent) done(what string) error {
	d.did <- what
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails {
		return errTest
	}
	return nil
}

func (d *fakeAgent) Use(id string) error {
	if err := d.done("use " + id); err != nil {
		return err
	}
	d.set(func(s *state.State) {
		list := append([]state.Certificate(nil), s.Certificates...)
		for i := range list {
			list[i].Chosen = list[i].ID == id
		}
		s.Certificates = list
	})
	return nil
}

func (d *fakeAgent) Forget(origin string) error {
	if err := d.done("forget " + origin); err != nil {
		return err
	}
	d.set(func(s *state.State) { s.Sites = nil })
	return nil
}

func (d *fakeAgent) ResumeUnknownSites() bool {
	d.set(func(s *state.State) { s.UnknownSitesPaused = time.Time{} })
	return d.done("resume") == nil
}

func (d *fakeAgent) LockCards(context.Context) error {
	d.set(func(s *state.State) { s.CardSession = false })
	return d.done("lock")
}

func (d *fakeAgent) SetLanguage(lang string) error {
	d.set(func(s *state.State) { s.Lang = lang })
	return d.done("language " + lang)
}

func (d *fakeAgent) Restart(context.Context) error {
	if err := d.done("restart"); err != nil {
		return &state.RestartError{Reason: state.RestartFails, Detail: err.Error()}
	}
	return nil
}

func (d *fakeAgent) ShowRestartFailure(_ context.Context, err error) {
	_ = d.done("shows: " + err.(*state.RestartError).Reason)
}

func (d *fakeAgent) Refresh(context.Context)       { _ = d.done("refresh") }
func (d *fakeAgent) ShowState(context.Context)     { _ = d.done("state") }
func (d *fakeAgent) ShowDiagnosis(context.Context) { _ = d.done("examine") }
func (d *fakeAgent) ShowLog(context.Context)       { _ = d.done("log") }

// held is a usable certificate of a card in the reader.
func held(id string) state.Certificate {
	return state.Certificate{ID: id, Holder: "TEST_" + id, Profession: "Médecin", Kind: "CPS", NotAfter: time.Date(2030, 12, 31, 12, 0, 0, 0, time.UTC), Usable: true}
}

func withReason(c state.Certificate, r string) state.Certificate {
	c.Reason, c.Usable = r, false
	return c
}

func present(s *state.State) {
	s.Card = "present"
	s.Certificates = []state.Certificate{held("one"), held("two"), withReason(held("expired"), state.ReasonExpired)}
}

func absent(s *state.State) { s.Card, s.Certificates = "absent", nil }

var testSite = state.Site{Origin: "https://portail.example.fr"}
