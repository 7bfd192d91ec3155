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

	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// ErrUnsupported says that this desktop shows no notifications.
var ErrUnsupported = errors.New("notify: this desktop shows no notifications")

// Note is a notification: plain text, made safe by Send.
type Note struct{ Title, Body string }

// maxText is the longest text of a note, in characters.
const maxText = 400

// safe makes a text safe to show, because a name comes from a card.
func safe(text string) string { return visible.Short(text, maxText) }

// Sender shows a note, as Send does. What it returns takes it back, if it is still
// shown.
type Sender func(ctx context.Context, n Note) (retract func(), err error)
