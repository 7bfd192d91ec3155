package prompt

import (
	"context"
	"errors"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// Notice is a text for the person, with something else to copy than what is shown.
type Notice struct {
	Title   string
	Lead    string // what the person needs, in plain words, before all else
	Text    string // long, to be read in lines; "": the window is as small as Hint
	Hint    string // what the copy is
	Label   string // of the button that copies
	Unasked bool   // it opens by itself, perhaps where somebody types: keys count after a quiet time
	Copy    string // what it copies, after Lead; "": there is no such button
}

// Noticing is a Prompter that shows notices.
type Noticing interface {
	// ShowNotice is what [ShowNotice] calls.
	ShowNotice(ctx context.Context, lang string, n Notice) error
}

// ShowNotice shows a notice until the person closes it. Where p can show no button that
// copies, the text is shown without.
func ShowNotice(ctx context.Context, p Prompter, lang string, n Notice) error {
	if by, is := p.(Noticing); is {
		return by.ShowNotice(ctx, lang, n)
	}
	return showPlain(ctx, p, lang, n)
}

// showPlain shows a notice as a text: what would be copied is in it where nothing else is.
func showPlain(ctx context.Context, p Prompter, lang string, n Notice) error {
	text := n.Text
	if text == "" {
		text = n.Hint
	}
	if text == "" {
		text = n.Copy
	}
	return p.Show(ctx, lang, n.Title, n.after(text))
}

// after is what the person needs, with a text after it.
func (n Notice) after(text string) string { return strings.Trim(n.Lead+"\n\n"+text, "\n") }

// ShowNotice implements Noticing.
func (p platform) ShowNotice(ctx context.Context, lang string, n Notice) error {
	err := p.answered(ctx, questionsIn(lang).noticeToCopy(n))
	if errors.Is(err, ErrCancelled) {
		return nil // read, and closed
	}
	return err
}

// noticeToCopy is a notice as a dialog. Without anything to copy it stands until something
// has happened.
func (q questions) noticeToCopy(n Notice) dialog.Request {
	r := dialog.Request{Title: safe(n.Title, maxName), Text: safeLines(n.after(n.Hint), maxText), Body: safeLines(n.Text, maxText)}
	if n.Unasked {
		r.Quiet = quiet
	}
	if n.Copy == "" {
		return q.wait(r)
	}
	r.Buttons = []dialog.Button{
		{Label: safe(n.Label, maxName), Done: q.Text("dialog.copied"), Answer: dialog.Copy, Copies: safeLines(n.after(n.Copy), maxText)},
		{Label: q.Text("dialog.close"), Answer: dialog.Cancel, Default: true},
	}
	return r
}
