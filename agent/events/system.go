package events

import "errors"

// Why events do not reach an administrator: see Reached.
var (
	// ErrNowhere says that there is no journald here.
	ErrNowhere = errors.New("events: there is no journald on this system")
	// ErrUnregistered says that Windows does not know the source: it shows events all the
	// same, with words of its own before ours.
	ErrUnregistered = errors.New("events: the source is not registered")
)
