package prompt

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Consent implements Prompter.
func (p *Pinentry) Consent(ctx context.Context, lang string, c Caller) error {
	q := questionsIn(lang)
	_, err := p.ask(ctx, lang, settings{
		{"SETTITLE", product}, {"SETDESC", q.describe(c) + "\n\n" + q.Text("dialog.consent")},
		{"SETOK", q.Text("dialog.allow")}, {"SETCANCEL", q.Text("dialog.refuse")},
	}, "CONFIRM")
	return answerError(err)
}

// refuseDefaultYes fails where the program that would ask accepts Enter as yes: no
// PIN follows such a question, and an Enter may be meant for something else.
func (p *Pinentry) refuseDefaultYes() error {
	program, err := p.find("CONFIRM")
	if err == nil && defaultsToYes(program) {
		err = fmt.Errorf("%w: %s takes Enter for yes", ErrUnavailable, program)
	}
	return err
}

// Always implements Prompter. It follows immediately on the Enter after a PIN.
func (p *Pinentry) Always(ctx context.Context, lang string, c Caller) error {
	if err := p.refuseDefaultYes(); err != nil {
		return err
	}
	q := questionsIn(lang)
	_, err := p.ask(ctx, lang, settings{
		{"SETTITLE", product}, {"SETDESC", q.describe(c) + "\n\n" + q.Text("dialog.always")},
		{"SETOK", q.Text("dialog.allow_always")}, {"SETCANCEL", q.Text("dialog.ask_each_time")},
	}, "CONFIRM")
	return answerError(err)
}

// Confirm implements Prompter.
func (p *Pinentry) Confirm(ctx context.Context, lang string, c Caller, h Holder) error {
	if err := p.refuseDefaultYes(); err != nil {
		return err
	}
	q := questionsIn(lang)
	_, err := p.ask(ctx, lang, settings{
		{"SETTITLE", product}, {"SETDESC", q.describe(c) + "\n\n" + q.holder(h) + "\n\n" + q.Text("dialog.consent_unlocked")},
		{"SETOK", q.Text("dialog.allow")}, {"SETCANCEL", q.Text("dialog.refuse")},
	}, "CONFIRM")
	return answerError(err)
}

// Show implements Prompter. Of a text too long for a line of the protocol the
// middle is left out.
func (p *Pinentry) Show(ctx context.Context, lang, title, text string) error {
	q := questionsIn(lang)
	_, err := p.ask(ctx, lang, settings{
		{"SETTITLE", safe(title, maxName)}, {"SETDESC", safeLines(text, maxNotice)}, {"SETOK", q.Text("dialog.close")},
	}, "CONFIRM --one-button")
	if err := answerError(err); !errors.Is(err, ErrCancelled) {
		return err
	}
	return nil // closed
}

// Choose implements Prompter with one question for each certificate, from the
// beginning again after the last, until the person chooses one or cancels.
func (p *Pinentry) Choose(ctx context.Context, lang string, c Caller, choices []Holder) (int, error) {
	if len(choices) == 0 {
		return 0, fmt.Errorf("%w: no certificate to choose from", ErrUnavailable)
	}
	q := questionsIn(lang)
	for i := 0; ; i = (i + 1) % len(choices) {
		_, err := p.ask(ctx, lang, settings{
			{"SETTITLE", product}, {"SETDESC", q.describe(c) + "\n\n" + q.Text("dialog.which_of", i+1, len(choices)) + "\n" + q.holder(choices[i])},
			{"SETOK", q.Text("dialog.use")}, {"SETNOTOK", q.Text("dialog.next")}, {"SETCANCEL", q.Text("dialog.cancel")},
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
	q := questionsIn(lang)
	parts := []string{q.describe(d.Caller), q.holder(d.Holder)}
	if d.PINPad {
		_, err := p.ask(ctx, lang, settings{
			{"SETTITLE", product}, {"SETDESC", strings.Join(append(parts, q.onPINPad(d)...), "\n\n")}, {"SETOK", q.Text("dialog.cancel")},
		}, "CONFIRM --one-button")
		return nil, cancelButton(err)
	}
	pin, err := p.ask(ctx, lang, settings{
		{"SETTITLE", product}, {"SETDESC", strings.Join(append(parts, q.warnings(d)...), "\n\n")},
		{"SETPROMPT", q.Text("dialog.pin_label")}, {"SETERROR", q.wrong(d)}, {"SETOK", q.Text("dialog.validate")}, {"SETCANCEL", q.Text("dialog.cancel")},
	}, "GETPIN")
	return pin, answerError(err)
}

// InsertCard implements Prompter.
func (p *Pinentry) InsertCard(ctx context.Context, lang string, c Caller, reader bool) error {
	q := questionsIn(lang)
	_, err := p.ask(ctx, lang, settings{
		{"SETTITLE", product}, {"SETDESC", q.describe(c) + "\n\n" + q.forCard(reader)}, {"SETOK", q.Text("dialog.cancel")},
	}, "CONFIRM --one-button")
	return cancelButton(err)
}

// cancelButton is the error of a dialog whose only button is "cancel".
func cancelButton(err error) error {
	if err == nil {
		return ErrCancelled
	}
	return answerError(err)
}

func (q questions) describe(c Caller) string {
	text := q.Text("dialog.site") + "\n" + safeOrigin(c.Origin)
	if program := q.program(c, maxLong); program != "" {
		text += "\n" + program
	}
	return text
}

// onPINPad is the text where the PIN is typed on the reader.
func (q questions) onPINPad(p PIN) (list []string) {
	if wrong := q.wrong(p); wrong != "" {
		list = append(list, wrong)
	}
	return append(append(list, q.Text("dialog.on_pin_pad")), q.warnings(p)...)
}
