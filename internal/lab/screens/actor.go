package main

import (
	"context"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// actor is an agent that shows whatever state a picture wants.
type actor struct {
	mu      sync.Mutex
	state   agent.State
	changed chan struct{}
}

func newActor() *actor { return &actor{changed: make(chan struct{}, 1)} }

func (a *actor) show(s agent.State) {
	a.mu.Lock()
	a.state = s
	a.mu.Unlock()
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

func (a *actor) State() agent.State {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state
}

func (a *actor) Changes(context.Context) <-chan struct{} { return a.changed }
func (a *actor) Use(string) error                        { return nil }
func (a *actor) Forget(string) error                     { return nil }
func (a *actor) LockCards(context.Context) error         { return nil }
func (a *actor) SetLanguage(string) error                { return nil }
func (a *actor) Refresh(context.Context)                 {}
func (a *actor) ShowState(context.Context)               {}

// holder is a person of the demonstration, as dialogs and menu show them.
func holder(kind string, n int, lang string, end time.Time) prompt.Holder {
	h := demopki.NewHolder(kind, n)
	return prompt.Holder{Name: h.GivenName + " " + h.Surname, Identifier: h.Identifier, Profession: cps.ProfessionIn(lang, h.Profession), Kind: h.Kind, NotAfter: agent.Date(end, lang)}
}

// The dates of the pictures stand still, so that two runs differ in nothing.
var (
	endOfCard = time.Date(2029, 6, 30, 12, 0, 0, 0, time.UTC)
	endOfOld  = time.Date(2025, 3, 31, 12, 0, 0, 0, time.UTC)
	allowedOn = time.Date(2026, 3, 12, 12, 0, 0, 0, time.UTC)
)

func certificate(kind string, n int, lang string, change func(*agent.CertificateState)) agent.CertificateState {
	c := agent.CertificateState{ID: kind, Holder: holder(kind, n, lang, endOfCard)}
	if change != nil {
		change(&c)
	}
	return c
}

// scene is a state with the name of its picture.
type scene struct {
	name  string
	state agent.State
}

// scenes are the states that the icon tells apart.
func scenes(lang string) []scene {
	ready := agent.State{Readers: 1, Card: "present", Certificates: []agent.CertificateState{certificate("CPS", 1, lang, nil)}}
	inUse, last := ready, ready
	inUse.InUse = true
	last.Certificates = []agent.CertificateState{certificate("CPS", 1, lang, func(c *agent.CertificateState) { c.Tries = agent.TriesLast })}
	list := []scene{
		{"no-reader", agent.State{Card: "absent"}}, {"no-card", agent.State{Readers: 1, Card: "absent"}},
		{"ready", ready}, {"in-use", inUse}, {"attention", last},
	}
	for i := range list {
		list[i].state.Lang, list[i].state.Version = lang, version
	}
	return list
}

// full is a state in which the menu shows all that it can.
func full(lang string) agent.State {
	return agent.State{
		Lang: lang, Version: version, Readers: 2, Card: "present", PINSession: true,
		Certificates: []agent.CertificateState{
			certificate("CPS", 1, lang, func(c *agent.CertificateState) { c.Chosen = true }),
			certificate("CPE", 1, lang, func(c *agent.CertificateState) { c.Tries = agent.TriesFew }),
			certificate("CPF", 1, lang, func(c *agent.CertificateState) {
				c.Reason, c.Holder.NotAfter = pkcs11.Expired, agent.Date(endOfOld, lang)
			}),
		},
		Sites:    []sites.Site{{Origin: "https://portail.example.fr", Since: allowedOn}, {Origin: "https://dossier.example.org", Since: allowedOn}},
		Listed:   []string{"https://intranet.example.fr"},
		Warnings: []policy.Warning{{File: "config.toml", Line: 3, Key: "modules"}},
	}
}

// version is what an agent says that was built without one.
const version = "dev"
