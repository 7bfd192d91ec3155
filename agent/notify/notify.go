// Package notify tells the person in a notification of the desktop's what is
// good to know: that the agent is ready, that a card expires soon, that no site
// can be remembered. Nothing that security rests on is told in this way: a
// notification may be missed, and is shown to whoever looks.
//
// [Run] is for one goroutine; [Send] may be called concurrently. Neither blocks
// whom it serves: each notification has its time, and where there is no desktop
// to show it, nothing happens. The package never shows a PIN and reads no card.
package notify

import (
	"context"
	"errors"
	"strings"
	"unicode"
)

// ErrUnsupported says that this desktop shows no notifications.
var ErrUnsupported = errors.New("notify: this desktop shows no notifications")

// Note is a notification: plain text, made safe by Send.
type Note struct{ Title, Body string }

// maxText is the longest text of a note, in characters.
const maxText = 400

// safe makes what a person would not see U+FFFD: a name comes from a card.
func safe(text string) string {
	all := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			return unicode.ReplacementChar
		}
		return r
	}, text))
	if len(all) > maxText {
		all = append(all[:maxText-1], '…')
	}
	return string(all)
}

// Sender shows a note; Send is one.
type Sender func(ctx context.Context, n Note) error
