package prompt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ncruces/zenity"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// newDialogs uses the system's own dialogs, through osascript, which reads the texts
// from its standard input. Their limits: no text can be copied, a list shows one
// line a row, and what is typed passes through strings that cannot be wiped.
func newDialogs(Options) Prompter { return platform{show: showZenity, pin: askZenity} }

func showZenity(ctx context.Context, r dialog.Request) (row int, err error) {
	if ctx.Err() != nil {
		return 0, ended(ctx)
	}
	options := []zenity.Option{zenity.Context(ctx), zenity.Title(r.Title)}
	yes, no := labels(r)
	switch {
	case len(r.Rows) > 0:
		rows := make([]string, len(r.Rows))
		for i, row := range r.Rows { // numbered, so that no two are equal
			rows[i] = fmt.Sprintf("%d. %s", i+1, row.Spoken)
		}
		var chosen string
		chosen, err = zenity.List(plainText(r), rows, append(options, zenity.OKLabel(yes), zenity.CancelLabel(no), zenity.DisallowEmpty(), zenity.DefaultItems(rows[0]))...)
		if row = slices.Index(rows, chosen); err == nil && row < 0 {
			return 0, fmt.Errorf("%w: the list answered with no row", ErrUnavailable)
		}
	case yes != "":
		options = append(options, zenity.OKLabel(yes), zenity.CancelLabel(no), zenity.DefaultCancel())
		if never := label(r, dialog.Never); never != "" {
			options = append(options, zenity.ExtraButton(never))
		}
		err = zenity.Question(plainText(r), options...)
	default:
		// Its only button closes or cancels.
		if err = zenity.Info(plainText(r), append(options, zenity.OKLabel(no))...); err == nil {
			err = zenity.ErrCanceled
		}
	}
	return max(row, 0), zenityError(ctx, err)
}

func askZenity(ctx context.Context, r dialog.Request, _ int) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	yes, no := labels(r)
	typed, err := zenity.Entry(plainText(r), zenity.Context(ctx), zenity.Title(r.Title), zenity.HideText(), zenity.OKLabel(yes), zenity.CancelLabel(no))
	if err := zenityError(ctx, err); err != nil {
		return nil, err
	}
	return []byte(typed), nil
}

func zenityError(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ended(ctx)
	case err == nil:
		return nil
	case errors.Is(err, zenity.ErrExtraButton):
		return ErrNever
	case errors.Is(err, zenity.ErrCanceled):
		return ErrCancelled
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// labels are the labels of the buttons for yes and no, "" where there is none.
func labels(r dialog.Request) (yes, no string) { return label(r, dialog.OK), label(r, dialog.Cancel) }

func label(r dialog.Request, answer string) string {
	for _, b := range r.Buttons {
		if b.Answer == answer {
			return b.Label
		}
	}
	return ""
}

// plainText is all of a dialog's text.
func plainText(r dialog.Request) string {
	var parts []string
	for _, lines := range [][]string{{r.Site, r.Origin, r.Program}, r.Holder, r.Warnings(), {r.Text}, {r.Hint}, {r.Body}} {
		if part := strings.Join(slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return line == "" }), "\n"); part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "\n\n")
}
