// Package desktop reports what becomes of the person's desktop session: that the person
// leaves or comes back, that the machine slept, that another session came to the front,
// that the session ends.
//
// Watch may be called concurrently, by as many callers as want to know. It never
// acts on the desktop, and never stays silent where it cannot watch: it fails.
package desktop

import (
	"errors"
	"fmt"
)

// ErrUnavailable says that nothing on this machine reports when the person leaves.
var ErrUnavailable = errors.New("desktop: nothing tells when the screen is locked")

// Kind is what an [Event] means.
type Kind int

const (
	// Away: the person leaves. The screen is locked, the machine goes to sleep, another
	// session comes in front, or this one is disconnected.
	Away Kind = iota
	// Back: the screen is unlocked. A card may have been changed meanwhile.
	Back
	// Resumed: the machine woke up, or this session is in front or connected once more.
	// The readers may be others, as over a remote desktop, and programs that had the
	// readers open may go on showing what was in those of before.
	Resumed
	// Ends: the session ends, or the system wants this program to end. The system may
	// kill it as soon as the callback returns, or a few seconds later.
	Ends
	// Lost: nothing reports any more whether the person leaves.
	Lost
	// Heard: it is reported from now on whether the person leaves, although Watch failed.
	Heard
)

func (k Kind) String() string {
	names := [...]string{"away", "back", "resumed", "ends", "lost", "heard"}
	if k < 0 || int(k) >= len(names) {
		return fmt.Sprintf("kind %d", int(k))
	}
	return names[k]
}

// Event is something that became of the session, with the reason for the log.
type Event struct {
	Kind   Kind
	Reason string
}
