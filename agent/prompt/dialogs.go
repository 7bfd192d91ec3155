package prompt

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// meant fails where a program would ask that takes Enter for yes: after such a
// question no PIN is asked for, and an Enter may be meant for something else.
func (p *Pinentry) meant() error {
	program, err := p.find("CONFIRM")
	if err == nil && entersYes(program) {
		err = fmt.Errorf("%w: %s takes Enter for yes", ErrUnavailable, program)
	}
	return err
}

// Always implements Prompter. It comes right after the PIN's own Enter.
func (p *Pinentry) Always(ctx context.Context, lang string, c Caller) error {
	if err := p.meant(); err != nil {
		return err
	}
	w := wordsOf(lang)
	_, err := p.ask(ctx, lang, settings{
		{"SETTITLE", w.title}, {"SETDESC", w.describe(c) + "\n\n" + w.always},
		{"SETOK", w.yesAlways}, {"SETCANCEL", w.notAlways},
	}, "CONFIRM")
	return answerError(err)
}

// Confirm implements Prompter.
func (p *Pinentry) Confirm(ctx context.Context, lang string, c Caller, h Holder) error {
	if err := p.meant(); err != nil {
		return err
	}
	w := wordsOf(lang)
	_, err := p.ask(ctx, lang, settings{
		{"SETTITLE", w.title}, {"SETDESC", w.describe(c) + "\n\n" + w.holder(h) + "\n\n" + w.confirm},
		{"SETOK", w.allow}, {"SETCANCEL", w.refuse},
	}, "CONFIRM")
	return answerError(err)
}

// Tell implements Prompter. What a line of the protocol cannot hold is cut out
// of the middle.
func (p *Pinentry) Tell(ctx context.Context, lang, title, text string) error {
	w := wordsOf(lang)
	_, err := p.ask(ctx, lang, settings{
		{"SETTITLE", safe(title, maxName)}, {"SETDESC", safeLines(text, maxTold)}, {"SETOK", w.close},
	}, "CONFIRM --one-button")
	if err := answerError(err); !errors.Is(err, ErrCancelled) {
		return err
	}
	return nil // closed
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
	parts := []string{w.describe(d.Caller), w.holder(d.Holder)}
	if d.PINPad {
		_, err := p.ask(ctx, lang, settings{
			{"SETTITLE", w.title}, {"SETDESC", strings.Join(append(parts, w.pad(d)...), "\n\n")}, {"SETOK", w.cancel},
		}, "CONFIRM --one-button")
		return nil, cancelButton(err)
	}
	pin, err := p.ask(ctx, lang, settings{
		{"SETTITLE", w.title}, {"SETDESC", strings.Join(append(parts, w.warnings(d)...), "\n\n")},
		{"SETPROMPT", w.pin}, {"SETERROR", w.wrong(d)}, {"SETOK", w.ok}, {"SETCANCEL", w.cancel},
	}, "GETPIN")
	return pin, answerError(err)
}

// InsertCard implements Prompter.
func (p *Pinentry) InsertCard(ctx context.Context, lang string, c Caller, reader bool) error {
	w := wordsOf(lang)
	_, err := p.ask(ctx, lang, settings{
		{"SETTITLE", w.title}, {"SETDESC", w.describe(c) + "\n\n" + w.forCard(reader)}, {"SETOK", w.cancel},
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
