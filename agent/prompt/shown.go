package prompt

import (
	"context"
	"errors"
	"fmt"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// shown asks by dialogs of one platform.
type shown struct {
	// show shows a dialog until the person has answered or ctx ends, and returns
	// the chosen row where it has rows. Whatever was not answered by OK is
	// ErrCancelled.
	show func(ctx context.Context, r dialog.Request) (row int, err error)
	// pin shows a dialog with an entry that hides what is typed, of at most so
	// many characters where that is known.
	pin func(ctx context.Context, r dialog.Request, most int) ([]byte, error)
}

func (s shown) answered(ctx context.Context, r dialog.Request) error {
	_, err := s.show(ctx, r)
	return err
}

// Consent implements Prompter.
func (s shown) Consent(ctx context.Context, lang string, c Caller) error {
	return s.answered(ctx, questionsIn(lang).askConsent(c))
}

// Confirm implements Prompter.
func (s shown) Confirm(ctx context.Context, lang string, c Caller, h Holder) error {
	return s.answered(ctx, questionsIn(lang).askConfirm(c, h))
}

// Always implements Prompter.
func (s shown) Always(ctx context.Context, lang string, c Caller) error {
	return s.answered(ctx, questionsIn(lang).askAlways(c))
}

// Choose implements Prompter.
func (s shown) Choose(ctx context.Context, lang string, c Caller, choices []Holder) (int, error) {
	if len(choices) == 0 {
		return 0, fmt.Errorf("%w: no certificate to choose from", ErrUnavailable)
	}
	return s.show(ctx, questionsIn(lang).askChoice(c, choices))
}

// PIN implements Prompter.
func (s shown) PIN(ctx context.Context, lang string, p PIN) ([]byte, error) {
	if p.PINPad {
		return nil, s.answered(ctx, questionsIn(lang).askPINPad(p))
	}
	return s.pin(ctx, questionsIn(lang).askPIN(p), p.MaxLength)
}

// InsertCard implements Prompter.
func (s shown) InsertCard(ctx context.Context, lang string, c Caller, reader bool) error {
	return s.answered(ctx, questionsIn(lang).askCard(c, reader))
}

// Show implements Prompter.
func (s shown) Show(ctx context.Context, lang, title, text string) error {
	err := s.answered(ctx, questionsIn(lang).notice(title, text))
	if errors.Is(err, ErrCancelled) {
		return nil // read, and closed
	}
	return err
}
