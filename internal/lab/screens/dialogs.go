package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"runtime"
	"slices"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt/window"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// dialog is a dialog that a person may see.
type dialog struct {
	name string
	show func(ctx context.Context, p prompt.Prompter, lang string) error
	keys []string // that the person types, with the names that xdotool has for them
	undo string   // a key that takes back what they did to the keyboard
}

var (
	site      = prompt.Caller{Origin: "https://portail.example.fr", Program: "Firefox", Named: true}
	errClosed = errors.New("the dialog closed by itself")
)

// browser is the program of a browser that a person has put into their home.
func browser() string {
	if runtime.GOOS == "windows" {
		return `C:\Users\camille.test\AppData\Local\Mozilla Firefox\firefox.exe`
	}
	return "/home/camille.test/.local/share/navigateurs/firefox-153.0/firefox/firefox"
}

// longLabel is as long as a part of a name may be.
const longLabel = "groupement-hospitalier-de-territoire-test-du-centre-et-du-nord2"

func person(lang string) prompt.Holder { return holder("CPS", 1, lang, endOfCard) }

// A holder with long names, as people have them, and with accents.
const (
	longName       = "MARIE-HÉLÈNE-FRANÇOISE D’AUBIGNÉ-LŒUVRE DE LA TOUR-TEST-CPS0001"
	longProfession = "Interne en chirurgie orthopédique, traumatologique et réparatrice de l’appareil locomoteur"
)

// crowd is more certificates than a window can show, the first with long names.
func crowd(lang string) (list []prompt.Holder) {
	for n := range 300 {
		h := person(lang)
		h.Identifier = fmt.Sprint(899700000000 + n)
		if n == 0 {
			h.Name, h.Profession = longName, longProfession
		}
		list = append(list, h)
	}
	return list
}

// pin is the PIN dialog in one of its forms.
func pin(change func(*prompt.PIN)) func(context.Context, prompt.Prompter, string) error {
	return func(ctx context.Context, p prompt.Prompter, lang string) error {
		d := prompt.PIN{Caller: site, Holder: person(lang), MinLength: 4, MaxLength: 8}
		change(&d)
		_, err := p.PIN(ctx, lang, d)
		return err
	}
}

var dialogs = []dialog{
	{name: "consent", show: func(ctx context.Context, p prompt.Prompter, lang string) error { return p.Consent(ctx, lang, site) }},
	{name: "consent-long", show: func(ctx context.Context, p prompt.Prompter, lang string) error {
		return p.Consent(ctx, lang, prompt.Caller{Origin: "https://portail.securise." + longLabel + ".example-de-groupement-hospitalier.fr:8443", Program: browser()})
	}},
	{name: "consent-longest", show: func(ctx context.Context, p prompt.Prompter, lang string) error {
		return p.Consent(ctx, lang, prompt.Caller{Origin: "https://portail." + longLabel + ".example", Program: browser()})
	}},
	{name: "always", show: func(ctx context.Context, p prompt.Prompter, lang string) error { return p.Always(ctx, lang, site) }},
	{name: "confirm", show: func(ctx context.Context, p prompt.Prompter, lang string) error {
		return p.Confirm(ctx, lang, site, person(lang))
	}},
	{name: "choice", show: func(ctx context.Context, p prompt.Prompter, lang string) error {
		_, err := p.Choose(ctx, lang, site, []prompt.Holder{person(lang), holder("CPE", 1, lang, endOfCard), holder("CPF", 1, lang, endOfCard)})
		return err
	}},
	{name: "choice-long", show: func(ctx context.Context, p prompt.Prompter, lang string) error {
		_, err := p.Choose(ctx, lang, site, crowd(lang))
		return err
	}},
	{name: "insert", show: func(ctx context.Context, p prompt.Prompter, lang string) error {
		return p.InsertCard(ctx, lang, site, true)
	}},
	{name: "connect", show: func(ctx context.Context, p prompt.Prompter, lang string) error {
		return p.InsertCard(ctx, lang, site, false)
	}},
	{name: "pin", show: pin(func(*prompt.PIN) {})},
	{name: "pin-wrong", show: pin(func(d *prompt.PIN) { d.WrongPIN, d.CountLow = true, true })},
	{name: "pin-last", show: pin(func(d *prompt.PIN) { d.FinalTry = true })},
	{name: "pin-length", show: pin(func(d *prompt.PIN) { d.LengthHint = true })},
	{name: "pin-wrong-last", show: pin(func(d *prompt.PIN) { d.WrongPIN, d.FinalTry = true, true })},
	{name: "pin-long", show: pin(func(d *prompt.PIN) {
		d.Caller.Origin = "https://portail.securise." + longLabel + ".example-de-groupement-hospitalier.fr:8443"
		d.Holder.Name, d.Holder.Profession = longName, longProfession
		d.WrongPIN, d.FinalTry, d.Holder.Renew = true, true, true
	})},
	{name: "pin-renew", show: pin(func(d *prompt.PIN) { d.Holder.Renew = true })},
	{name: "pin-pad", show: pin(func(d *prompt.PIN) { d.PINPad = true })},
	{name: "state-ready", show: shown(withCards(certificate("CPS", 1, nil)))},
	{name: "state-no-card", show: shown(state.State{ReaderCount: 1, Card: state.CardAbsent})},
	{name: "state-last", show: shown(withCards(certificate("CPS", 1, func(c *state.Certificate) { c.PIN = state.PINFinalTry })))},
	{name: "state-login-failed", show: shown(withFailure(withCards(certificate("CPS", 1, func(c *state.Certificate) { c.PIN, c.Usable, c.Reason = state.PINLocked, false, state.ReasonPINLocked }))))},
	{name: "state-failed", show: shown(state.State{ReaderCount: 1, Card: state.CardPresent, Failure: &state.Failure{Reason: "module_failed"}})},
}

// withFailure is a state after a login that failed.
func withFailure(s state.State) state.State {
	s.Failures = []state.LoginFailure{{Time: time.Now(), Code: 1201, Reason: "pin_locked", Reference: "K7M4PX"}}
	return s
}

// shown is the window of a state.
func shown(s state.State) func(context.Context, prompt.Prompter, string) error {
	return func(ctx context.Context, p prompt.Prompter, lang string) error {
		say := texts.In(lang)
		return prompt.ShowNotice(ctx, p, lang, prompt.Notice{
			Title: state.Name + " · " + say.Text("state.title"), Lead: s.Lead(lang, time.Now()), Label: say.Text("state.hotline"), Copy: s.Text(lang),
		})
	}
}

// typed are the dialogs as they are once something was typed, which only our window on
// Linux shows.
var typed = []dialog{
	{name: "pin-typed", show: pin(func(*prompt.PIN) {}), keys: []string{"1", "2", "3", "4"}},
	{name: "pin-short", show: pin(func(*prompt.PIN) {}), keys: []string{"1", "2", "Return"}},
	{name: "pin-pasted", show: pin(func(*prompt.PIN) {}), keys: []string{"ctrl+v"}},
	{name: "pin-caps", show: pin(func(d *prompt.PIN) { d.CountLow = true }), keys: []string{"Caps_Lock"}, undo: "Caps_Lock"},
	{name: "pin-busy", show: func(ctx context.Context, p prompt.Prompter, lang string) error {
		ctx, p, end := prompt.Begin(ctx, p)
		defer end()
		err := pin(func(*prompt.PIN) {})(ctx, p, lang)
		if err == nil {
			<-ctx.Done() // what the card does meanwhile
		}
		return err
	}, keys: []string{"1", "2", "3", "4", "Return"}},
}

// captureDialogs makes a picture of the dialogs in both languages, in one appearance.
func captureDialogs(folder string, a appearance) error {
	d, err := newDesktop(a.size, a.wayland)
	if err != nil {
		return err
	}
	defer d.close()
	restore, err := d.asPerson(a.env)
	if err != nil {
		return err
	}
	defer restore()
	p := prompt.New(prompt.Options{Window: window.Command()})
	for _, lang := range []string{"fr", "en"} {
		for _, each := range slices.Concat(dialogs, typed) {
			if !a.shows(each) {
				continue
			}
			if err := d.captureDialog(p, each, lang, folder, a); err != nil {
				return fmt.Errorf("%s, %s%s: %w", each.name, lang, a.suffix(), err)
			}
		}
	}
	return nil
}

func (d *desktop) captureDialog(p prompt.Prompter, each dialog, lang, folder string, a appearance) error {
	empty, err := d.settled(func(*image.RGBA) bool { return true })
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- each.show(ctx, p, lang) }()
	picture, err := d.shown(each, empty)
	select {
	case closed := <-ended:
		err = errors.Join(errClosed, closed, err)
	default:
		cancel()
		<-ended
	}
	cancel()
	if err != nil {
		return err
	}
	if each.undo != "" {
		if _, err := d.tool("xdotool", "key", each.undo); err != nil {
			return err
		}
	}
	frame := bounds(picture, empty, picture.Rect).Inset(-margin).Intersect(picture.Bounds())
	if _, err := d.settled(func(now *image.RGBA) bool { return equal(now, empty) }); err != nil {
		return err
	}
	return save(cut(picture, frame), folder, "dialog-"+each.name+"-"+lang+a.suffix())
}

// shown is the screen with the dialog once it takes keys, and once its own were typed.
func (d *desktop) shown(each dialog, empty *image.RGBA) (*image.RGBA, error) {
	stands := func(now *image.RGBA) bool { return !equal(now, empty) }
	if err := d.ready(stands); err != nil {
		return nil, err
	}
	picture, err := d.settled(stands)
	if err != nil || len(each.keys) == 0 {
		return picture, err
	}
	if _, err := d.tool("xdotool", append([]string{"key"}, each.keys...)...); err != nil {
		return nil, err
	}
	return d.settled(func(now *image.RGBA) bool { return !equal(now, picture) })
}
