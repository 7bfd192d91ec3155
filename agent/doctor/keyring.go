package doctor

import (
	"context"
	"errors"
	"os"

	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
)

// keyring reports no problem, only notices: without a keyring logins work, and
// nothing is remembered. Where this program reaches none, the running agent's report
// counts.
func (d *doctor) keyring(ctx context.Context) []Finding {
	listed := d.SettingsErr == nil && d.Policy.Origins.Mode == policy.ModeListed
	err := d.Keyring(ctx)
	if errors.Is(err, keyring.ErrNone) && !listed { // in that mode the agent uses none
		if r, agentErr := d.running(); agentErr == nil && r.Desktop != nil {
			err = keyringOf(r.Desktop.Keyring)
		} else if d.noSession() {
			return []Finding{{Code: "keyring_unknown", Outcome: Unknown, Text: d.Text("doctor.keyring_unknown"), Next: d.Text(d.key("doctor.no_display_next", "doctor.no_display_windows"))}}
		}
	}
	f := Finding{Code: "keyring_open", Outcome: Good, Text: d.Text(d.key("doctor.keyring_open", "doctor.keyring_windows"))}
	switch {
	case err == nil:
		return []Finding{f}
	case errors.Is(err, keyring.ErrEntryLocked):
		f = Finding{Code: "keyring_entry_locked", Text: d.Text("doctor.keyring_entry_locked"), Next: d.Text("doctor.allow_keyring")}
	case errors.Is(err, keyring.ErrNoCollection):
		f = Finding{Code: "keyring_no_collection", Text: d.Text("doctor.keyring_no_collection"), Next: d.Text("doctor.expose_keyring")}
	case errors.Is(err, keyring.ErrLocked):
		f = Finding{Code: "keyring_locked", Text: d.Text("doctor.keyring_locked"), Next: d.Text("doctor.unlock_keyring")}
	case errors.Is(err, keyring.ErrNone):
		f = Finding{Code: "no_keyring", Text: d.Text("doctor.no_keyring"), Next: d.Text("doctor.install_keyring")}
	case errors.Is(err, keyring.ErrSlow):
		f = Finding{Code: "keyring_slow", Text: d.Text(d.key("keyring.slow", "doctor.keyring_slow_windows")), Next: d.Text(d.key("doctor.restart_keyring", "doctor.restart_keyring_windows"))}
	default:
		f = Finding{Code: "keyring_refused", Text: d.Text(d.key("keyring.refused", "doctor.keyring_refused_windows")), Next: d.Text(d.key("doctor.restart_keyring", "doctor.restart_keyring_windows"))}
	}
	if f.Outcome = Notice; listed && !d.Policy.WSS.Enabled {
		f.Outcome, f.Text, f.Next = Good, d.Text("doctor.keyring_not_needed"), "" // nothing is stored in it
	}
	return []Finding{f}
}

// keyringOf is the error that the agent reports of the keyring. A damaged list is
// none: the keyring was open.
func keyringOf(reason string) error {
	return map[string]error{
		"no_keyring": keyring.ErrNone, "keyring_locked": keyring.ErrLocked, "keyring_slow": keyring.ErrSlow, "keyring_refused": keyring.ErrRefused,
		"keyring_no_collection": keyring.ErrNoCollection, "keyring_entry_locked": keyring.ErrEntryLocked,
	}[reason]
}

// noSession reports that this program runs outside any desktop session whose
// keyring it could reach.
func (d *doctor) noSession() bool {
	if d.System != "linux" || os.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
		return false
	}
	return dirs.SessionBus() == ""
}
