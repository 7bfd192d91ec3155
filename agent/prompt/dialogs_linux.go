package prompt

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// desktop is the Prompter on Linux: it asks in a window of our own, or through pinentry
// where that cannot be shown. A program in the settings asks everything; one that accepts
// a stray Enter as yes asks only for the PIN.
type desktop struct {
	pinentry *Pinentry
	own      platform
	window   window
	hide     func()      // takes the window of our own away, before pinentry asks
	stands   func() bool // there is one, which sees what is typed since the last answer
	log      *slog.Logger
	yes      *lastYes
}

// lastYes is when the person last said yes in a dialog before a PIN, and for which site.
type lastYes struct {
	mu     sync.Mutex
	at     time.Time
	origin string
}

func newDialogs(o Options) Prompter {
	d := &desktop{
		pinentry: NewPinentry(PinentryOptions{Program: o.Program, Logger: o.Logger, Refuse: o.Refuse}),
		window:   window{command: o.Window, standing: &standing{}}, hide: func() {}, stands: func() bool { return false }, log: o.Logger, yes: &lastYes{},
	}
	d.own = platform{show: d.window.show, pin: d.window.pin}
	return d
}

func newFixed(o Options) Prompter { return newDialogs(o) }

// Begin implements Conversing: all questions of a login stand in one window.
func (d *desktop) Begin(ctx context.Context) (context.Context, Prompter, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	t := &talk{window: d.window, ctx: ctx, cancel: cancel}
	if d.pinentry.program == "" {
		t.prepare() // every login asks something
	}
	login := *d
	login.own, login.hide, login.stands = platform{show: t.show, pin: t.pin}, t.close, t.stands
	return ctx, &login, func() {
		cancel(nil)
		t.close()
	}
}

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
	d.yes.mu.Lock()
	defer d.yes.mu.Unlock()
	d.yes.at, d.yes.origin = time.Now(), c.Origin
}

// awaited reports whether the person expects this dialog of pinentry's: after a yes to
// the same site, which counts once, or after an entry that was wrong. Where a page was
// refused, or has its token, and asks anew at once, the person may be typing; and
// certainly where the dialog replaces another one.
func (d *desktop) awaited(p PIN) bool {
	d.yes.mu.Lock()
	defer d.yes.mu.Unlock()
	lately := d.yes.origin == p.Caller.Origin && time.Since(d.yes.at) < justAnswered
	d.yes.at = time.Time{}
	return !p.Replaced && (lately || p.WrongPIN || p.LengthHint)
}

// ReplacesPIN implements Replacing: only a window of our own goes on with what was typed,
// or waits for quiet before pinentry asks.
func (d *desktop) ReplacesPIN() bool {
	return len(d.window.command) > 0 && OwnWindow(d.pinentry.program)
}

// awaitQuiet returns when nobody types any more. pinentry accepts every key at once,
// and an Enter would send what was meant for the browser to the card as a PIN. Where
// our window cannot be shown, nothing prevents that.
func (d *desktop) awaitQuiet(ctx context.Context, lang string, c Caller) error {
	if onlyPinentry(d.pinentry.program) {
		return nil
	}
	return d.own.answered(ctx, questionsIn(lang).askNothing(c))
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

// Always implements Prompter. It has a window of its own, with its own quiet time: the
// login is over, and the person back in the browser.
func (d *desktop) Always(ctx context.Context, lang string, c Caller) error {
	return d.ask(func(p Prompter) error { return p.Always(ctx, lang, c) })
}

// ShowNotice implements Noticing.
func (d *desktop) ShowNotice(ctx context.Context, lang string, n Notice) error {
	return d.ask(func(p Prompter) error { return ShowNotice(ctx, p, lang, n) })
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
	if d.pinentry.program != "" {
		return d.pinentryPIN(ctx, lang, p, nil)
	}
	pin, err := d.own.PIN(ctx, lang, p)
	if errors.Is(err, ErrUnavailable) {
		d.log.Info("asking for the PIN through pinentry", "why", err)
		return d.pinentryPIN(ctx, lang, p, err)
	}
	return pin, err
}

// afterDeath is how long nothing is asked where a window died into which the person may
// still be typing, and no other can see whether they are.
const afterDeath = 2 * time.Second

// pinentryPIN asks through pinentry, where our own window failed or is not to ask.
func (d *desktop) pinentryPIN(ctx context.Context, lang string, p PIN, failed error) ([]byte, error) {
	died := errors.Is(failed, errDied)
	// A window that stands since the yes waits only where something was typed into it.
	if awaited := d.awaited(p); died || !awaited || d.stands() {
		err := d.awaitQuiet(ctx, lang, p.Caller)
		switch {
		case errors.Is(err, ErrUnavailable) && died:
			select {
			case <-time.After(afterDeath):
			case <-ctx.Done():
				return nil, ended(ctx)
			}
		case errors.Is(err, ErrUnavailable):
			d.log.Info("asking for the PIN at once", "why", err)
		case err != nil:
			return nil, err
		}
	}
	d.hide()
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
