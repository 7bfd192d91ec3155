package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/cpx-bridge/cpx-bridge/agent/notify"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/tray"
)

// order is what a player shall show. A player is this program on another system, of
// which pictures are made from here.
type order struct {
	Dialog  string `json:",omitempty"` // the name of one of dialogs, until Close
	Close   bool   `json:",omitempty"`
	Scene   string `json:",omitempty"` // the icon in that state
	Menu    bool   `json:",omitempty"` // the menu with all that it can show
	Note    string `json:",omitempty"` // the name of a notification
	LogFile string `json:",omitempty"` // with the first Scene or Menu: what "Journal" opens
	Lang    string `json:",omitempty"`
}

// play reads orders, one JSON object a line, and prints "done", or what went wrong, after
// each. It ends with its input.
func play(in io.Reader, out io.Writer) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p := &player{ctx: ctx, actor: newActor(), dialog: func() {}}
	defer func() { p.dialog() }()
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var o order
		err := json.Unmarshal(lines.Bytes(), &o)
		if err == nil {
			err = p.obey(o)
		}
		answer := "done"
		if err != nil {
			answer = err.Error()
		}
		fmt.Fprintln(out, answer)
	}
	if p.menu != nil {
		cancel()
		<-p.menu
	}
}

type player struct {
	ctx    context.Context
	actor  *actor
	menu   chan struct{} // closed once the menu has ended; nil: never shown
	dialog func()        // closes the dialog that stands
}

func (p *player) obey(o order) error {
	switch {
	case o.Close:
		p.dialog()
		p.dialog = func() {}
	case o.Dialog != "":
		return p.open(o.Dialog, o.Lang)
	case o.Note != "":
		return p.note(o.Note, o.Lang)
	case o.Menu:
		p.show(full(o.Lang), o.LogFile)
	default:
		for _, s := range scenes(o.Lang) {
			if s.name == o.Scene {
				p.show(s.state, o.LogFile)
				return nil
			}
		}
		return fmt.Errorf("no scene %q", o.Scene)
	}
	return nil
}

// show shows the menu, which begins with the first state.
func (p *player) show(s state.State, logFile string) {
	p.actor.show(s)
	if p.menu != nil {
		return
	}
	p.menu = make(chan struct{})
	go func() { defer close(p.menu); tray.Run(p.ctx, p.actor, tray.Options{LogFile: logFile}) }()
}

func (p *player) open(name, lang string) error {
	for _, d := range dialogs {
		if d.name != name {
			continue
		}
		ctx, cancel := context.WithCancel(p.ctx)
		ended := make(chan error, 1)
		go func() { ended <- d.show(ctx, prompt.New(prompt.Options{}), lang) }()
		p.dialog = func() { cancel(); <-ended }
		return nil
	}
	return fmt.Errorf("no dialog %q", name)
}

// note shows a notification, as the agent does.
func (p *player) note(name, lang string) error {
	say, h, refused := texts.In(lang), person(lang), state.Failure{Reason: "keyring_refused"}
	now := state.State{Lang: lang, UnknownSitesPaused: allowedOn}
	for _, each := range []struct {
		name string
		note notify.Note
	}{
		{"ready", notify.Note{Title: say.Text("notify.ready"), Body: say.Text("notify.ready_body")}},
		{"expires", notify.Note{Title: say.Text("notify.expires"), Body: say.Text("notify.expires_body", h.NotAfter)}},
		{"keyring", notify.Note{Title: say.Text("notify.keyring"), Body: refused.SitesText(lang)}},
		{"paused", notify.Note{Title: say.Text("notify.paused"), Body: now.PauseText(lang)}},
	} {
		if each.name == name {
			_, err := notify.Send(p.ctx, each.note)
			return err
		}
	}
	return fmt.Errorf("no notification %q", name)
}

// playerArgument makes this program a player.
const playerArgument = "play"
