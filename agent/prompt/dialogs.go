package prompt

import (
	"context"
	"errors"
	"fmt"
)

// Consent implements Prompter.
func (p *Pinentry) Consent(ctx context.Context, lang string, c Caller) error {
	w := wordsOf(lang)
	_, err := p.ask(ctx, lang, settings{
		{"SETTITLE", w.title}, {"SETDESC", w.describe(c) + "\n\n" + w.consent},
		{"SETOK", w.allow}, {"SETCANCEL", w.refuse},
	}, "CONFIRM")
	return answerError(err)
}

// Always implements Prompter.
func (p *Pinentry) Always(ctx context.Context, lang string, c Caller) error {
	w := wordsOf(lang)
	_, err := p.ask(ctx, lang, settings{
		{"SETTITLE", w.title}, {"SETDESC", w.describe(c) + "\n\n" + w.always},
		{"SETOK", w.yesAlways}, {"SETCANCEL", w.notAlways},
	}, "CONFIRM")
	return answerError(err)
}

// Confirm implements Prompter.
func (p *Pinentry) Confirm(ctx context.Context, lang string, c Caller, h Holder) error {
	w := wordsOf(lang)
	_, err := p.ask(ctx, lang, settings{
		{"SETTITLE", w.title}, {"SETDESC", w.describe(c) + "\n\n" + w.holder(h) + "\n\n" + w.confirm},
		{"SETOK", w.allow}, {"SETCANCEL", w.refuse},
	}, "CONFIRM")
	return answerError(err)
}

// Choose implements Prompter: one question for each certificate, round and
// round, until one is taken or the person ends it.
func (p *Pinentry) Choose(ctx context.Context, lang string, c Caller, choices []Holder) (int, error) {
	if len(choices) == 0 {
		return 0, fmt.Errorf("%w: no certificate to choose from", ErrUnavailable)
	}
	w := wordsOf(lang)
	for i := 0; ; i = (i + 1) % len(choices) {
		_, err := p.ask(ctx, lang, settings{
			{"SETTITLE", w.title}, {"SETDESC", w.describe(c) + "\n\n" + w.choice(i+1, len(choices)) + "\n" + w.holder(choices[i])},
			{"SETOK", w.use}, {"SETNOTOK", w.next}, {"SETCANCEL", w.cancel},
		}, "CONFIRM")
		if err == nil {
			return i, nil
		}
		var refused *assuanError
		if !errors.As(err, &refused) || refused.code != codeNotConfirmed {
			return 0, answerError(err)
		}
	}
}

// PIN implements Prompter.
func (p *Pinentry) PIN(ctx context.Context, lang string, d PIN) ([]byte, error) {
	w := wordsOf(lang)
	text := w.describe(d.Caller) + "\n\n" + w.holder(d.Holder)
	if d.PINPad {
		_, err := p.ask(ctx, lang, settings{
			{"SETTITLE", w.title}, {"SETDESC", text + "\n\n" + w.pinPad}, {"SETOK", w.cancel},
		}, "CONFIRM --one-button")
		return nil, cancelButton(err)
	}
	if d.Holder.Renew {
		text += "\n\n" + fmt.Sprintf(w.renew, safe(d.Holder.NotAfter, maxShort))
	}
	if d.Unsure {
		text += "\n\n" + w.unsure
	}
	switch {
	case d.FinalTry:
		text += "\n\n" + w.finalTry
	case d.CountLow:
		text += "\n\n" + w.countLow
	}
	wrong := ""
	switch {
	case d.LengthHint:
		wrong = w.length(d.MinLength, d.MaxLength)
	case d.WrongPIN:
		wrong = w.wrongPIN
	}
	pin, err := p.ask(ctx, lang, settings{
		{"SETTITLE", w.title}, {"SETDESC", text}, {"SETPROMPT", w.pin}, {"SETERROR", wrong}, {"SETOK", w.ok}, {"SETCANCEL", w.cancel},
	}, "GETPIN")
	return pin, answerError(err)
}

// InsertCard implements Prompter.
func (p *Pinentry) InsertCard(ctx context.Context, lang string, c Caller) error {
	w := wordsOf(lang)
	_, err := p.ask(ctx, lang, settings{
		{"SETTITLE", w.title}, {"SETDESC", w.describe(c) + "\n\n" + w.insert}, {"SETOK", w.cancel},
	}, "CONFIRM --one-button")
	return cancelButton(err)
}

// cancelButton: the one button of such a dialog says "cancel", so any answer is.
func cancelButton(err error) error {
	if err == nil {
		return ErrCancelled
	}
	return answerError(err)
}
