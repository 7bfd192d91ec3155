package main

import (
	"context"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

// actor is an agent that shows whatever state a picture needs.
type actor struct {
	mu      sync.Mutex
	state   state.State
	changed chan struct{}
}

func newActor() *actor { return &actor{changed: make(chan struct{}, 1)} }

func (a *actor) show(s state.State) {
	a.mu.Lock()
	a.state = s
	a.mu.Unlock()
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

func (a *actor) State() state.State {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state
}

func (a *actor) Changes(context.Context) <-chan struct{}   { return a.changed }
func (a *actor) Use(string) error                          { return nil }
func (a *actor) Forget(string) error                       { return nil }
func (a *actor) Restart(context.Context) error             { return nil }
func (a *actor) ShowRestartFailure(context.Context, error) {}
func (a *actor) ResumeUnknownSites() bool                  { return false }
func (a *actor) LockCards(context.Context) error           { return nil }
func (a *actor) SetLanguage(string) error                  { return nil }
func (a *actor) Refresh(context.Context)                   {}
func (a *actor) ShowState(context.Context)                 {}
func (a *actor) ShowDiagnosis(context.Context)             {}
func (a *actor) ShowLog(context.Context)                   {}

// holder is a person of the demonstration, as dialogs show them.
func holder(kind string, n int, lang string, end time.Time) prompt.Holder {
	h := demopki.NewHolder(kind, n)
	return prompt.Holder{Name: h.GivenName + " " + h.Surname, Identifier: h.Identifier, Profession: cps.ProfessionIn(lang, h.Profession), Kind: h.Kind, NotAfter: language.Date(end, lang)}
}

// The dates in the pictures are fixed, so that two runs make the same pictures.
var (
	endOfCard = time.Date(2029, 6, 30, 12, 0, 0, 0, time.UTC)
	endOfOld  = time.Date(2025, 3, 31, 12, 0, 0, 0, time.UTC)
	allowedOn = time.Date(2026, 3, 12, 12, 0, 0, 0, time.UTC)
)

// certificate is a person of the demonstration, as the menu shows them.
func certificate(kind string, n int, change func(*state.Certificate)) state.Certificate {
	h := demopki.NewHolder(kind, n)
	c := state.Certificate{ID: kind, Holder: h.GivenName + " " + h.Surname, Profession: h.Profession, Kind: h.Kind, NotAfter: endOfCard, Usable: true}
	if change != nil {
		change(&c)
	}
	return c
}

// scene is a state with the name of its picture.
type scene struct {
	name  string
	state state.State
}

func withCards(list ...state.Certificate) state.State {
	return state.State{ReaderCount: 1, Card: state.CardPresent, Cards: state.Cards{Certificates: list}}
}

// scenes are the states that the icon distinguishes.
func scenes(lang string) []scene {
	ready := withCards(certificate("CPS", 1, nil))
	inUse := ready
	inUse.InUse = true
	list := []scene{
		{"no-reader", state.State{Card: state.CardAbsent}}, {"no-card", state.State{ReaderCount: 1, Card: state.CardAbsent}},
		{"ready", ready}, {"in-use", inUse},
		{"attention", withCards(certificate("CPS", 1, func(c *state.Certificate) { c.PIN = state.PINFinalTry }))},
	}
	for i := range list {
		list[i].state.Lang, list[i].state.Version = lang, version
	}
	return list
}

// full is a state in which the menu shows all that it can.
func full(lang string) state.State {
	s := withCards(
		certificate("CPS", 1, func(c *state.Certificate) { c.Chosen = true }),
		certificate("CPE", 1, func(c *state.Certificate) { c.PIN = state.PINCountLow }),
		certificate("CPF", 1, func(c *state.Certificate) {
			c.Usable, c.Reason, c.NotAfter = false, state.ReasonExpired, endOfOld
		}),
	)
	s.Lang, s.Version, s.ReaderCount, s.CardSession = lang, version, 2, true
	s.Sites = []state.Site{{Origin: "https://portail.example.fr", Since: allowedOn}, {Origin: "https://dossier.example.org", Since: allowedOn}}
	s.Listed = []string{"https://intranet.example.fr"}
	s.Ignored = []state.Setting{{File: "config.toml", Line: 3, Key: "modules"}}
	return s
}

// upgraded is an agent whose program was replaced since it started.
func upgraded(lang string) state.State {
	s := withCards(certificate("CPS", 1, func(c *state.Certificate) { c.Chosen = true }))
	s.Lang, s.Version, s.ReaderCount, s.Replaced = lang, "0.1.0", 1, &state.Replaced{Version: "0.2.0"}
	return s
}

// version is the version of an agent that was built without one.
const version = "dev"
