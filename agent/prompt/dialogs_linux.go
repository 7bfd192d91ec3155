package prompt

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// desktop is the Prompter on Linux: it asks for the PIN through pinentry, and for all
// else in a window of our own, or through pinentry where that cannot be shown. A
// program in the settings asks everything, unless it accepts a stray Enter as yes.
type desktop struct {
	pinentry *Pinentry
	own      platform
	window   bool // there is a window of our own to show, given a display
	log      *slog.Logger

	mu       sync.Mutex
	answered time.Time // when the person last said yes in a dialog before a PIN
	origin   string    // and for which site
}

func newDialogs(o Options) Prompter {
	d := &desktop{pinentry: NewPinentry(PinentryOptions{Program: o.Program, Logger: o.Logger, Refuse: o.Refuse}), log: o.Logger}
	d.window = len(o.Window) > 0
	d.own = platform{show: window{command: o.Window}.show, pin: nil} // only pinentry asks for the PIN
	return d
}

func newFixed(o Options) Prompter { return newDialogs(o) }

// either asks in a window of our own, or through pinentry where that is unavailable.
func either[T any](d *desktop, ask func(p Prompter) (T, error)) (T, error) {
	if onlyPinentry(d.pinentry.program) {
		return ask(d.pinentry)
	}
	answer, err := ask(d.own)
	if errors.Is(err, ErrUnavailable) {
		d.log.Info("asking through pinentry", "why", err)
		answer, err = ask(d.pinentry)
	}
	return answer, err
}

// justAnswered is how long after a yes a person waits for the next dialog, and is not
// typing in the browser.
const justAnswered = 3 * time.Second

func (d *desktop) note(c Caller, err error) {
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answered, d.origin = time.Now(), c.Origin
}

// awaited reports whether the person expects this PIN dialog: after a yes to the same
// site, which counts once, or after an entry that was wrong. Where a page was refused,
// or has its token, and asks anew at once, the person may be typing; and certainly
// where the dialog replaces another one.
func (d *desktop) awaited(p PIN) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	lately := d.origin == p.Caller.Origin && time.Since(d.answered) < justAnswered
	d.answered = time.Time{}
	return !p.Replaced && (lately || p.WrongPIN || p.LengthHint)
}

// ReplacesPIN implements Replacing: only a window of our own waits for quiet.
func (d *desktop) ReplacesPIN() bool { return d.window && OwnWindow(d.pinentry.program) }

// awaitQuiet returns when nobody types any more. pinentry accepts every key at once,
// and an Enter would send what was meant for the browser to the card as a PIN. Where
// our window cannot be shown, nothing prevents that.
func (d *desktop) awaitQuiet(ctx context.Context, lang string, c Caller) error {
	if onlyPinentry(d.pinentry.program) {
		return nil
	}
	err := d.own.answered(ctx, questionsIn(lang).askNothing(c))
	if errors.Is(err, ErrUnavailable) {
		d.log.Info("asking for the PIN at once", "why", err)
		return nil
	}
	return err
}

func (d *desktop) ask(ask func(p Prompter) error) error {
	_, err := either(d, func(p Prompter) (struct{}, error) { return struct{}{}, ask(p) })
	return err
}

// Consent implements Prompter.
func (d *desktop) Consent(ctx context.Context, lang string, c Caller) error {
	err := d.ask(func(p Prompter) error { return p.Consent(ctx, lang, c) })
	d.note(c, err)
	return err
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
	row, err := either(d, func(p Prompter) (int, error) { return p.Choose(ctx, lang, c, choices) })
	d.note(c, err)
	return row, err
}

// PIN implements Prompter.
func (d *desktop) PIN(ctx context.Context, lang string, p PIN) ([]byte, error) {
	if p.PINPad {
		return either(d, func(by Prompter) ([]byte, error) { return by.PIN(ctx, lang, p) })
	}
	if !d.awaited(p) {
		if err := d.awaitQuiet(ctx, lang, p.Caller); err != nil {
			return nil, err
		}
	}
	return d.pinentry.PIN(ctx, lang, p)
}

// InsertCard implements Prompter.
func (d *desktop) InsertCard(ctx context.Context, lang string, c Caller, reader bool) error {
	return d.ask(func(p Prompter) error { return p.InsertCard(ctx, lang, c, reader) })
}

// Show implements Prompter.
func (d *desktop) Show(ctx context.Context, lang, title, text string) error {
	return d.ask(func(p Prompter) error { return p.Show(ctx, lang, title, text) })
}
