package prompt

import (
	"context"
	"errors"
	"fmt"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// platform asks with the dialogs of one platform.
type platform struct {
	// show shows a dialog until the person has answered or ctx ends, and returns
	// the chosen row where it has rows. Never is ErrNever, where there is its button;
	// any other answer but OK is ErrCancelled.
	show func(ctx context.Context, r dialog.Request) (row int, err error)
	// pin shows a dialog with an entry that hides what is typed; most is the
	// greatest length in characters, 0 where unknown.
	pin func(ctx context.Context, r dialog.Request, most int) ([]byte, error)
	// quiet says that the dialogs swallow what is typed until the person stops.
	quiet bool
}

// ReplacesPIN implements Replacing.
func (p platform) ReplacesPIN() bool { return p.quiet }

func (p platform) answered(ctx context.Context, r dialog.Request) error {
	_, err := p.show(ctx, r)
	return err
}

// Consent implements Prompter.
func (p platform) Consent(ctx context.Context, lang string, c Caller) error {
	return p.answered(ctx, questionsIn(lang).askConsent(c))
}

// Confirm implements Prompter.
func (p platform) Confirm(ctx context.Context, lang string, c Caller, h Holder) error {
	return p.answered(ctx, questionsIn(lang).askConfirm(c, h))
}

// Always implements Prompter.
func (p platform) Always(ctx context.Context, lang string, c Caller) error {
	return p.answered(ctx, questionsIn(lang).askAlways(c))
}

// Choose implements Prompter.
func (p platform) Choose(ctx context.Context, lang string, c Caller, choices []Holder) (int, error) {
	if len(choices) == 0 {
		return 0, fmt.Errorf("%w: no certificate to choose from", ErrUnavailable)
	}
	return p.show(ctx, questionsIn(lang).askChoice(c, choices))
}

// PIN implements Prompter.
func (p platform) PIN(ctx context.Context, lang string, d PIN) ([]byte, error) {
	if d.PINPad {
		return nil, p.answered(ctx, questionsIn(lang).askPINPad(d))
	}
	return p.pin(ctx, questionsIn(lang).askPIN(d), d.MaxLength)
}

// InsertCard implements Prompter.
func (p platform) InsertCard(ctx context.Context, lang string, c Caller, reader bool) error {
	return p.answered(ctx, questionsIn(lang).askCard(c, reader))
}

// Show implements Prompter.
func (p platform) Show(ctx context.Context, lang, title, text string) error {
	err := p.answered(ctx, questionsIn(lang).notice(title, text))
	if errors.Is(err, ErrCancelled) {
		return nil // read, and closed
	}
	return err
}
