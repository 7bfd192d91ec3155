// Package prompt asks the person: consent, which certificate, the PIN.
//
// A [Prompter] shows one dialog for each call and may be called from any goroutine;
// the caller has to see to it that only one dialog is open at a time. Every call and
// its dialog end with the context. The package never stores, caches or logs a PIN,
// and never puts a holder's name or a PIN into a program's arguments or environment.
package prompt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

var (
	// ErrCancelled says that the person closed or refused the dialog.
	ErrCancelled = errors.New("prompt: cancelled by the person")
	// ErrNever says that the person refused the dialog for all sites of the caller's
	// registrable domain, from now on. It is ErrCancelled too.
	ErrNever = fmt.Errorf("%w, from now on", ErrCancelled)
	// ErrTimeout says that the deadline of the dialog's context passed.
	ErrTimeout = errors.New("prompt: the dialog's time is up")
	// ErrUnavailable says that there is no dialog program or display, or that
	// it died. Errors wrap it with the reason.
	ErrUnavailable = errors.New("prompt: no dialog can be shown")
	// ErrUntrusted comes with ErrUnavailable: the program is one that Options.Refuse
	// refuses, because others may change it.
	ErrUntrusted = errors.New("prompt: the program is not to be started")
)

// Caller is the site that asks for a login, as the dialogs show it. The fields come
// from outside; the prompter makes them safe to show.
type Caller struct {
	Origin  string // the one that will be signed
	Program string // the browser's name or the program's path, "" where neither is known
	Named   bool   // Program is a name that the system gives it, no path
}

// Holder is what a dialog shows of a certificate.
type Holder struct {
	Name       string // such as "Dr …", or the identifier where there is no name
	Identifier string
	Profession string
	Kind       string // CPS, CPF, CPE, CPA or ""
	NotAfter   string // a date in the language's form
	Renew      bool   // it expires soon
}

// PIN is what the PIN dialog shows.
type PIN struct {
	Caller     Caller
	Holder     Holder
	WrongPIN   bool // the last entry was wrong: shown in red
	FinalTry   bool
	CountLow   bool
	MinLength  int
	MaxLength  int
	PINPad     bool // typed on the reader: the dialog only says so
	LengthHint bool // the last entry had a wrong length and did not go to the card
	Unsure     bool // whether the card accepted the last entry is unknown
	Replaced   bool // it opens in the place of one that was closed while the person may have been typing
}

// Replacing is a Prompter that may open a PIN dialog in the place of another one. No
// other does: what the person goes on typing would be the rest of a PIN, and Enter
// would send that to the card.
type Replacing interface {
	// ReplacesPIN reports whether a dialog with PIN.Replaced waits, as the first
	// one does, until the person types no more.
	ReplacesPIN() bool
}

// ReplacesPIN reports whether p may open a PIN dialog in the place of another one.
func ReplacesPIN(p Prompter) bool {
	r, is := p.(Replacing)
	return is && r.ReplacesPIN()
}

// Conversing is a Prompter that asks all questions of a login in one window.
type Conversing interface {
	// Begin is what [Begin] calls.
	Begin(ctx context.Context) (login context.Context, p Prompter, end func())
}

// Begin begins a login. Its questions go to the Prompter that is returned, under the
// context that is returned, or one made from it; end ends both, and takes the window
// away before it returns. Between two questions the window stands: a person who cancels
// there ends the context, with the cause ErrCancelled. Where p has no window for a login
// they are p and ctx themselves.
func Begin(ctx context.Context, p Prompter) (login context.Context, asker Prompter, end func()) {
	if c, is := p.(Conversing); is {
		return c.Begin(ctx)
	}
	return ctx, p, func() {}
}

// Prompter asks the person. lang is "fr" or "en".
type Prompter interface {
	// Consent asks whether Caller may use the card. nil is yes. ErrNever is offered
	// only where it is written out for which domain, so not by pinentry.
	Consent(ctx context.Context, lang string, c Caller) error
	// Always asks, after a login, whether Caller may ask for the card from now on
	// without Consent. nil is yes.
	Always(ctx context.Context, lang string, c Caller) error
	// Confirm asks whether Caller may use the card of h, which needs no PIN now.
	// nil is yes.
	Confirm(ctx context.Context, lang string, c Caller, h Holder) error
	// Choose returns the index of the chosen certificate.
	Choose(ctx context.Context, lang string, c Caller, choices []Holder) (int, error)
	// PIN returns what was typed, which the caller overwrites after use.
	PIN(ctx context.Context, lang string, p PIN) ([]byte, error)
	// InsertCard asks for a card, and for a reader where there is none, until ctx
	// ends (then it returns ctx's error) or the person cancels.
	InsertCard(ctx context.Context, lang string, c Caller, reader bool) error
	// Show shows a text until the person closes it.
	Show(ctx context.Context, lang, title, text string) error
}

// Options are the options of New.
type Options struct {
	// Program is the absolute path of a pinentry program, which then asks
	// everything; "": the platform's own dialogs. One that accepts Enter as yes
	// asks only for the PIN where our window can be shown.
	Program string
	// Window is the command that starts a window of our own on Linux (see package
	// window); nil: pinentry asks everything.
	Window []string
	Logger *slog.Logger // nil: none
	// Refuse is asked each time before a pinentry program is started, and says why it
	// must not be; nil: none is refused.
	Refuse func(program string) error
}

// New makes the Prompter of the platform. It finds what it needs anew for each
// dialog, so that a later display or program is used.
func New(o Options) Prompter {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Program != "" {
		return newFixed(o)
	}
	return newDialogs(o)
}
