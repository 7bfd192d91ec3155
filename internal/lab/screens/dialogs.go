package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"runtime"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
)

// dialog is a dialog that a person may see.
type dialog struct {
	name string
	show func(ctx context.Context, p prompt.Prompter, lang string) error
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

// stateTexts replace the text of the state, which differs from machine to machine.
var stateTexts = map[string]string{
	"fr": "CPx Bridge " + version + "\n\nLecteurs :\n  Lecteur TEST  CPS3\nCertificats :\n  CAMILLE TEST-CPS0001  (CPS, Pharmacien, 30/06/2029)",
	"en": "CPx Bridge " + version + "\n\nReaders:\n  TEST reader  CPS3\nCertificates:\n  CAMILLE TEST-CPS0001  (CPS, Pharmacist, 30 June 2029)",
}

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
	{"consent", func(ctx context.Context, p prompt.Prompter, lang string) error { return p.Consent(ctx, lang, site) }},
	{"consent-long", func(ctx context.Context, p prompt.Prompter, lang string) error {
		return p.Consent(ctx, lang, prompt.Caller{Origin: "https://portail.securise." + longLabel + ".example-de-groupement-hospitalier.fr:8443", Program: browser()})
	}},
	{"consent-longest", func(ctx context.Context, p prompt.Prompter, lang string) error {
		return p.Consent(ctx, lang, prompt.Caller{Origin: "https://portail." + longLabel + ".example", Program: browser()})
	}},
	{"always", func(ctx context.Context, p prompt.Prompter, lang string) error { return p.Always(ctx, lang, site) }},
	{"confirm", func(ctx context.Context, p prompt.Prompter, lang string) error {
		return p.Confirm(ctx, lang, site, person(lang))
	}},
	{"choice", func(ctx context.Context, p prompt.Prompter, lang string) error {
		_, err := p.Choose(ctx, lang, site, []prompt.Holder{person(lang), holder("CPE", 1, lang, endOfCard), holder("CPF", 1, lang, endOfCard)})
		return err
	}},
	{"choice-long", func(ctx context.Context, p prompt.Prompter, lang string) error {
		_, err := p.Choose(ctx, lang, site, crowd(lang))
		return err
	}},
	{"insert", func(ctx context.Context, p prompt.Prompter, lang string) error {
		return p.InsertCard(ctx, lang, site, true)
	}},
	{"connect", func(ctx context.Context, p prompt.Prompter, lang string) error {
		return p.InsertCard(ctx, lang, site, false)
	}},
	{"pin", pin(func(*prompt.PIN) {})},
	{"pin-wrong", pin(func(d *prompt.PIN) { d.WrongPIN, d.CountLow = true, true })},
	{"pin-last", pin(func(d *prompt.PIN) { d.FinalTry = true })},
	{"pin-length", pin(func(d *prompt.PIN) { d.LengthHint = true })},
	{"pin-wrong-last", pin(func(d *prompt.PIN) { d.WrongPIN, d.FinalTry = true, true })},
	{"pin-long", pin(func(d *prompt.PIN) {
		d.Caller.Origin = "https://portail.securise." + longLabel + ".example-de-groupement-hospitalier.fr:8443"
		d.Holder.Name, d.Holder.Profession = longName, longProfession
		d.WrongPIN, d.FinalTry, d.Holder.Renew = true, true, true
	})},
	{"pin-renew", pin(func(d *prompt.PIN) { d.Holder.Renew = true })},
	{"pin-pad", pin(func(d *prompt.PIN) { d.PINPad = true })},
	{"tell", func(ctx context.Context, p prompt.Prompter, lang string) error {
		return p.Show(ctx, lang, "CPx Bridge", stateTexts[lang])
	}},
}

// captureDialogs makes a picture of every dialog in both languages.
func captureDialogs(folder string) error {
	d, err := newDesktop("900x700")
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.asPerson(); err != nil {
		return err
	}
	p := prompter()
	for _, lang := range []string{"fr", "en"} {
		for _, each := range dialogs {
			if err := d.captureDialog(p, each, lang, folder); err != nil {
				return fmt.Errorf("%s, %s: %w", each.name, lang, err)
			}
		}
	}
	return nil
}

func (d *desktop) captureDialog(p prompt.Prompter, each dialog, lang, folder string) error {
	empty, err := d.settled(func(*image.RGBA) bool { return true })
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- each.show(ctx, p, lang) }()
	picture, err := d.settled(func(now *image.RGBA) bool { return !equal(now, empty) })
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
	frame := bounds(picture, empty, picture.Rect).Inset(-margin).Intersect(picture.Bounds())
	if _, err := d.settled(func(now *image.RGBA) bool { return equal(now, empty) }); err != nil {
		return err
	}
	return save(cut(picture, frame), folder, "dialog-"+each.name+"-"+lang)
}
