// Package notify shows the person, in notifications of the desktop, what is good
// to know: that the agent is ready, that a card expires soon, that no site can be
// remembered. Nothing that security depends on is sent in this way: a notification
// may be overlooked, and anyone at the screen can read it.
//
// [Run] is for one goroutine; [Send] may be called concurrently, and ends with its
// context. Where no desktop can show a notification, Run goes on without. The
// package never shows a PIN and reads no card.
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

// safe replaces invisible characters by U+FFFD, because a name comes from a card.
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

// Sender shows a note, as Send does.
type Sender func(ctx context.Context, n Note) error
