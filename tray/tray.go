// Package tray is the agent's menu on the desktop: what state the cards are in,
// and which certificate the next login uses. It is a thin client of the agent's
// state.
//
// Run must be called from the main goroutine, once, and only where Available
// said yes: the toolkit ends the process where no display answers. The package
// never waits for a card or a module.
package tray

import (
	"context"
	"fmt"
	"strings"

	"github.com/getlantern/systray"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// Agent is what the menu shows and does; *agent.Server is one.
type Agent interface {
	State() agent.State
	Use(id string) error
	Refresh(ctx context.Context)
	Changes(ctx context.Context) <-chan struct{}
}

// maxCertificates is how many certificates the menu holds: the toolkit cannot
// take entries away, only hide them.
const maxCertificates = 12

// Run shows the menu until ctx ends or the person quits. It returns true where
// the person quit.
func Run(ctx context.Context, a Agent) (quit bool) {
	m := &menu{agent: a, ended: make(chan struct{})}
	systray.Run(func() { m.build(); go m.loop(ctx) }, func() { close(m.ended) })
	<-m.ended
	return m.quit
}

type menu struct {
	agent Agent
	ended chan struct{}
	quit  bool

	state        *systray.MenuItem
	certificates []*systray.MenuItem
	ids          []string // by certificate entry
	refresh, end *systray.MenuItem
	chosen       chan int
}

func (m *menu) build() {
	systray.SetIcon(icon())
	systray.SetTooltip(agent.Name)
	words := texts[m.agent.State().Lang]
	m.state = systray.AddMenuItem("", "")
	m.state.Disable()
	systray.AddSeparator()
	m.chosen = make(chan int)
	for i := range maxCertificates {
		item := systray.AddMenuItemCheckbox("", "", false)
		item.Hide()
		m.certificates = append(m.certificates, item)
		go m.forward(i, item)
	}
	systray.AddSeparator()
	m.refresh = systray.AddMenuItem(words.refresh, "")
	m.end = systray.AddMenuItem(words.quit, "")
	m.show()
}

func (m *menu) forward(i int, item *systray.MenuItem) {
	for {
		select {
		case <-item.ClickedCh:
			select {
			case m.chosen <- i:
			case <-m.ended:
				return
			}
		case <-m.ended:
			return
		}
	}
}

func (m *menu) loop(ctx context.Context) {
	defer systray.Quit()
	changes := m.agent.Changes(ctx)
	m.show() // what changed before the channel was there
	for {
		select {
		case <-ctx.Done():
			return
		case <-changes:
		case i := <-m.chosen:
			if i < len(m.ids) && m.ids[i] != "" {
				if err := m.agent.Use(m.ids[i]); err != nil {
					m.state.SetTitle(err.Error())
					continue
				}
			}
		case <-m.refresh.ClickedCh:
			m.agent.Refresh(ctx)
		case <-m.end.ClickedCh:
			m.quit = true
			return
		}
		m.show()
	}
}

// show brings the menu to the agent's state.
func (m *menu) show() {
	state := m.agent.State()
	m.state.SetTitle(line(state))
	m.ids = m.ids[:0]
	// The usable ones first: they are what the menu is for.
	var certificates, others []agent.CertificateState
	for _, c := range state.Certificates {
		if c.Reason == pkcs11.Usable {
			certificates = append(certificates, c)
		} else {
			others = append(others, c)
		}
	}
	certificates = append(certificates, others...)
	for _, c := range certificates[:min(len(certificates), len(m.certificates))] {
		item := m.certificates[len(m.ids)]
		item.SetTitle(title(c, state.Lang))
		if c.Reason == pkcs11.Usable {
			m.ids = append(m.ids, c.ID)
			item.Enable()
		} else {
			m.ids = append(m.ids, "") // shown with its reason, and not offered
			item.Disable()
		}
		if c.Chosen {
			item.Check()
		} else {
			item.Uncheck()
		}
		item.Show()
	}
	for _, item := range m.certificates[len(m.ids):] {
		item.Hide()
	}
}

// title is a certificate's entry: who, as what, on which kind of card. An
// underscore would mark a shortcut in GTK, so it is doubled.
func title(c agent.CertificateState, lang string) string {
	parts := []string{c.Holder.Name}
	for _, p := range []string{c.Holder.Profession, c.Holder.Kind, c.Holder.NotAfter} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if c.Reason != pkcs11.Usable {
		parts = append(parts, agent.ReasonText(c.Reason, lang))
	}
	if c.Holder.Renew {
		parts = append(parts, agent.RenewText(lang))
	}
	return strings.ReplaceAll(strings.Join(parts, " · "), "_", "__")
}

type words struct{ noModule, looking, noReader, noCard, unusable, ready, refresh, quit string }

var texts = map[string]words{
	agent.French: {
		noModule: "Le module de la carte ne fonctionne pas", looking: "Lecture de la carte…", noReader: "Aucun lecteur",
		noCard: "Aucune carte", unusable: "Aucun certificat utilisable", ready: "Carte prête : %s",
		refresh: "Actualiser", quit: "Quitter CPx Bridge",
	},
	agent.English: {
		noModule: "The card's module does not work", looking: "Reading the card…", noReader: "No reader",
		noCard: "No card", unusable: "No usable certificate", ready: "Card ready: %s",
		refresh: "Refresh", quit: "Quit CPx Bridge",
	},
}

// line says the state in one line.
func line(s agent.State) string {
	w := texts[s.Lang]
	switch {
	case s.Err != nil:
		return w.noModule
	case s.Card == "unknown":
		return w.looking
	case s.Card == "absent" && s.Readers == 0:
		return w.noReader
	case s.Card == "absent":
		return w.noCard
	}
	for _, c := range s.Certificates {
		if c.Reason == pkcs11.Usable {
			return fmt.Sprintf(w.ready, strings.ReplaceAll(c.Holder.Name, "_", "__"))
		}
	}
	return w.unusable
}
