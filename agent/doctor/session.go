package doctor

import (
	"context"

	"github.com/cpx-bridge/cpx-bridge/agent/desktop"
)

// session reports whether pin.session is used: an agent that would not learn when the
// person leaves asks for the PIN each time. Without that setting there is nothing to say.
func (d *doctor) session(ctx context.Context) []Finding {
	if d.Policy.PIN.Session <= 0 {
		return nil
	}
	err := d.Watch(ctx)
	switch {
	case err == nil:
		return []Finding{{Code: "pin_session_watched", Outcome: Good, Text: d.Text("doctor.pin_session_watched")}}
	case d.noDesktop(): // not where people are asked, nor where the agent is
		return []Finding{{Code: "pin_session_unknown", Outcome: Unknown, Text: d.Text("doctor.pin_session_unknown"),
			Next: d.Text(d.key("doctor.no_display_next", "doctor.no_display_windows"))}}
	}
	return []Finding{{Code: "pin_session_unwatched", Outcome: Notice, Text: d.Text("doctor.pin_session_unwatched", err),
		Next: d.Text(d.key("doctor.pin_session_next", "doctor.pin_session_windows"))}}
}

// noDesktop reports that this is run where no window can be shown. Without the toolkit no display
// can be asked, and what the environment says counts.
func (d *doctor) noDesktop() bool {
	if d.Toolkit != nil && d.Toolkit(false) != "" {
		return !hasDisplay()
	}
	return d.Display != nil && !d.Display()
}

// watch reports why nothing here tells when the person leaves, or nil.
func watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return desktop.Watch(ctx, func(desktop.Event) {})
}
