package prompt

import (
	"context"
	"errors"
	"log/slog"
)

// desktop asks on Linux: for the PIN through pinentry, for all else in a window
// of our own, and through pinentry where that cannot be shown.
type desktop struct {
	pinentry *Pinentry
	own      shown
	log      *slog.Logger
}

func newDialogs(o Options) Prompter {
	d := &desktop{pinentry: NewPinentry(PinentryOptions{Logger: o.Logger}), log: o.Logger}
	d.own = shown{show: window{command: o.Window}.show, pin: nil} // the PIN is pinentry's alone
	return d
}

// either asks in a window of our own, else through pinentry.
func either[T any](d *desktop, ask func(p Prompter) (T, error)) (T, error) {
	answer, err := ask(d.own)
	if !errors.Is(err, ErrUnavailable) {
		return answer, err
	}
	d.log.Info("asking through pinentry", "why", err)
	return ask(d.pinentry)
}

func (d *desktop) ask(ask func(p Prompter) error) error {
	_, err := either(d, func(p Prompter) (struct{}, error) { return struct{}{}, ask(p) })
	return err
}

// Consent implements Prompter.
func (d *desktop) Consent(ctx context.Context, lang string, c Caller) error {
	return d.ask(func(p Prompter) error { return p.Consent(ctx, lang, c) })
}

// Confirm implements Prompter.
func (d *desktop) Confirm(ctx context.Context, lang string, c Caller, h Holder) error {
	return d.ask(func(p Prompter) error { return p.Confirm(ctx, lang, c, h) })
}

// Always implements Prompter.
func (d *desktop) Always(ctx context.Context, lang string, c Caller) error {
	return d.ask(func(p Prompter) error { return p.Always(ctx, lang, c) })
}

// Choose implements Prompter.
func (d *desktop) Choose(ctx context.Context, lang string, c Caller, choices []Holder) (int, error) {
	return either(d, func(p Prompter) (int, error) { return p.Choose(ctx, lang, c, choices) })
}

// PIN implements Prompter.
func (d *desktop) PIN(ctx context.Context, lang string, p PIN) ([]byte, error) {
	if !p.PINPad {
		return d.pinentry.PIN(ctx, lang, p)
	}
	return either(d, func(by Prompter) ([]byte, error) { return by.PIN(ctx, lang, p) })
}

// InsertCard implements Prompter.
func (d *desktop) InsertCard(ctx context.Context, lang string, c Caller) error {
	return d.ask(func(p Prompter) error { return p.InsertCard(ctx, lang, c) })
}

// Tell implements Prompter.
func (d *desktop) Tell(ctx context.Context, lang, title, text string) error {
	return d.ask(func(p Prompter) error { return p.Tell(ctx, lang, title, text) })
}
