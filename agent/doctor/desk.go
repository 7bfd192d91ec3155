package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/browsers"
	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/agent/localcert"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

func (d *doctor) dialogs(context.Context) []Finding {
	var found []Finding
	own := d.Display == nil || d.Display()
	agents := !own && d.agentsDisplay()
	if d.Display != nil {
		found = append(found, d.display(own, agents))
	}
	if runtime.GOOS != "linux" {
		return found // the system's own dialogs
	}
	program, err := prompt.Program(d.Policy.Pinentry)
	if !hasDisplay() { // another session than the one in which people are asked, or a terminal's
		if installed, installedErr := prompt.Installed(d.Policy.Pinentry); installedErr == nil {
			program, err = installed, nil
		} else if agents || program == "" {
			program, err = "", installedErr
		}
	}
	if err != nil {
		return append(found, Finding{Code: "no_dialog_program", Outcome: Problem, Text: d.Text("doctor.no_dialogs"), Next: d.dialogsNext(err)})
	}
	found = append(found, Finding{Code: "dialog_program", Subject: program, Outcome: Good, Text: d.Text("doctor.dialogs", program)})
	switch {
	case agents && !prompt.AsksAll(d.Policy.Pinentry), own && prompt.OwnWindow(d.Policy.Pinentry):
		return append(found, Finding{Code: "dialog_window", Outcome: Good, Text: d.Text("doctor.own_window")})
	case !own && !agents && !hasDisplay() && !onTerminal(program):
		return found // who asks the rest, only a desktop would tell
	}
	return append(found, Finding{Code: "dialog_program_alone", Subject: program, Outcome: Good, Text: d.Text("doctor.no_window")})
}

// display says where a window can be shown. Where this program has no display, as
// over ssh, the running agent's counts; without one it cannot be told.
func (d *doctor) display(own, agents bool) Finding {
	switch {
	case own:
		return Finding{Code: "display_answers", Outcome: Good, Text: d.Text("doctor.display")}
	case agents:
		return Finding{Code: "display_answers", Outcome: Good, Text: d.Text("doctor.agents_display")}
	case !hasDisplay():
		return Finding{Code: "no_display", Outcome: Unknown, Text: d.Text("doctor.display_unknown"), Next: d.Text("doctor.no_display_next")}
	}
	return Finding{Code: "no_display", Outcome: Problem, Text: d.Text("doctor.no_display"), Next: d.Text("doctor.no_display_next")}
}

func (d *doctor) agentsDisplay() bool {
	r, err := d.running()
	return err == nil && r.Desktop != nil && r.Desktop.Display
}

func hasDisplay() bool { return os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "" }

func onTerminal(program string) bool {
	return strings.HasSuffix(program, "-tty") || strings.HasSuffix(program, "-curses")
}

// dialogsNext never tells to install what the settings do not take.
func (d *doctor) dialogsNext(err error) string {
	switch {
	case d.Policy.Pinentry == "":
		return d.Text("doctor.install_dialogs")
	case errors.Is(err, fs.ErrNotExist):
		return d.Text("doctor.mend_pinentry", d.Policy.Pinentry)
	}
	return d.Text("doctor.run_pinentry", d.Policy.Pinentry)
}

// keyring: logins work without one, and nothing is remembered, so it is never a
// problem. The running agent's word counts where this program reaches none.
func (d *doctor) keyring(ctx context.Context) []Finding {
	err := d.Keyring(ctx)
	if errors.Is(err, keyring.ErrNone) && d.Policy.Origins.Mode != policy.ModeListed { // there the agent never asks it
		if r, agentErr := d.running(); agentErr == nil && r.Desktop != nil {
			err = keyringOf(r.Desktop.Keyring)
		} else if noSession() {
			return []Finding{{Code: "keyring_unknown", Outcome: Unknown, Text: d.Text("doctor.keyring_unknown"), Next: d.Text("doctor.no_display_next")}}
		}
	}
	f := Finding{Code: "keyring_open", Outcome: Good, Text: d.Text("doctor.keyring_open")}
	switch {
	case err == nil:
		return []Finding{f}
	case errors.Is(err, keyring.ErrLocked):
		f = Finding{Code: "keyring_locked", Text: d.Text("doctor.keyring_locked"), Next: d.Text("doctor.unlock_keyring")}
	case errors.Is(err, keyring.ErrNone):
		f = Finding{Code: "no_keyring", Text: d.Text("doctor.no_keyring"), Next: d.Text("doctor.install_keyring")}
	case errors.Is(err, keyring.ErrSlow):
		f = Finding{Code: "keyring_slow", Text: d.Text("keyring.slow"), Next: d.Text("doctor.restart_keyring")}
	default:
		f = Finding{Code: "keyring_refused", Text: d.Text("keyring.refused"), Next: d.Text("doctor.restart_keyring")}
	}
	if f.Outcome = Notice; d.Policy.Origins.Mode == policy.ModeListed && !d.Policy.WSS.Enabled {
		f.Outcome, f.Next = Good, "" // there nothing is kept in it
	}
	return []Finding{f}
}

// keyringOf is what the agent says of the keyring; a list that is damaged says
// that it opened.
func keyringOf(reason string) error {
	return map[string]error{
		"no_keyring": keyring.ErrNone, "keyring_locked": keyring.ErrLocked, "keyring_slow": keyring.ErrSlow, "keyring_refused": keyring.ErrRefused,
	}[reason]
}

// noSession tells that this program belongs to no desktop session of which a
// keyring could be reached.
func noSession() bool {
	if runtime.GOOS != "linux" || os.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
		return false
	}
	return dirs.SessionBus() == ""
}

func (d *doctor) autostart(context.Context) []Finding {
	enabled, where, missing, err := d.Autostart()
	switch {
	case err != nil:
		return []Finding{{Code: "autostart_unknown", Outcome: Unknown, Text: d.Text("doctor.autostart_unknown", err)}}
	case missing != "":
		return []Finding{{Code: "autostart_broken", Subject: where, Outcome: Problem, Text: d.Text("doctor.autostart_broken", where, missing), Next: d.Text("doctor.autostart_next")}}
	case !enabled:
		return []Finding{{Code: "no_autostart", Subject: where, Outcome: Problem, Text: d.Text("doctor.no_autostart"), Next: d.Text("doctor.autostart_next")}}
	}
	return []Finding{{Code: "autostart", Subject: where, Outcome: Good, Text: d.Text("doctor.autostarts", where)}}
}

// browsers: without a policy the browser asks the person, which is a problem
// only where an administrator names the portals.
func (d *doctor) browsers(context.Context) []Finding {
	origins := d.Policy.Origins.Allow
	if len(origins) == 0 {
		return []Finding{{Code: "no_portal_named", Outcome: Good, Text: d.Text("doctor.no_portals")}}
	}
	if len(browsers.Expressible(origins)) == 0 { // true of every policy, and says nothing of one
		return []Finding{{Code: "portals_local", Outcome: Good, Text: d.Text("doctor.portals_local")}}
	}
	states, err := browsers.InForce(d.Root, origins)
	if err != nil {
		return []Finding{{Code: "policy_unknown", Outcome: Unknown, Text: d.Text("doctor.policy_unknown", "", err)}}
	}
	var found []Finding
	for _, s := range states {
		if s.Installed {
			found = append(found, d.browser(s))
		}
	}
	if len(found) == 0 {
		return []Finding{{Code: "no_browser", Outcome: Unknown, Text: d.Text("doctor.no_browser")}}
	}
	return found
}

func (d *doctor) browser(s browsers.State) Finding {
	f := Finding{Code: "policy_in_force", Subject: string(s.Browser), Outcome: Good, Text: d.Text("doctor.policy_in_force", s.Browser.Name())}
	switch {
	case errors.Is(s.Err, browsers.ErrMalformed):
		f.Code, f.Outcome, f.Text, f.Next = "policy_malformed", Problem, d.Text("doctor.policy_malformed", s.Browser.Name(), s.Where), d.Text("doctor.mend_policy")
	case errors.Is(s.Err, browsers.ErrFlatpak):
		f.Code, f.Outcome, f.Text, f.Next = "policy_flatpak", Unknown, d.Text("doctor.policy_flatpak", s.Browser.Name()), d.Text("doctor.flatpak_next")
	case s.Err != nil:
		f.Code, f.Outcome, f.Text = "policy_unknown", Unknown, d.Text("doctor.policy_unknown", s.Browser.Name(), s.Err)
	case len(s.Blocked) > 0:
		f.Code, f.Outcome = "policy_blocks", Problem
		f.Text, f.Next = d.Text("doctor.policy_blocks", s.Browser.Name(), len(s.Blocked), s.Where), d.Text("doctor.unblock_policy")
	case len(s.Missing) > 0 && d.Policy.Managed():
		f.Code, f.Outcome = "policy_missing", Problem
		f.Text, f.Next = d.Text("doctor.policy_missing", s.Browser.Name(), strings.Join(s.Missing, ", ")), d.Text("doctor.write_policy", d.originOptions())
	case len(s.Missing) > 0: // a person's own list says where that person logs in
		f.Code, f.Text = "policy_none", d.Text("doctor.browser_asks", s.Browser.Name())
	}
	return f
}

// originOptions name every portal of the settings: what is written takes the place
// of what was. Double quotes keep a shell from a wildcard, those of Windows too,
// and an entry of the settings holds nothing that means something within them.
func (d *doctor) originOptions() string {
	var options []string
	for _, o := range browsers.Expressible(d.Policy.Origins.Allow) {
		options = append(options, `--origin "`+o+`"`)
	}
	return strings.Join(options, " ")
}

func (d *doctor) wss(ctx context.Context) []Finding {
	store := d.localCertificate()
	st, err := store.Status(ctx)
	if err != nil {
		return []Finding{{Code: "wss_damaged", Outcome: Problem, Text: d.Text("doctor.wss_failed", localcert.Why(err, d.Lang))}}
	}
	var found []Finding
	if st.Left > 0 {
		found = append(found, Finding{Code: "wss_left", Outcome: Problem, Text: d.Text("doctor.wss_older", st.Left), Next: d.Text("doctor.wss_older_next")})
	}
	switch {
	case !d.Policy.WSS.Enabled && st.Installed:
		return append(found, Finding{Code: "wss_not_needed", Outcome: Problem, Text: d.Text("doctor.wss_not_needed"), Next: d.Text("doctor.wss_remove")})
	case !d.Policy.WSS.Enabled:
		return append(found, Finding{Code: "wss_off", Outcome: Good, Text: d.Text("doctor.wss_off")})
	}
	if _, err := store.Certificate(ctx); err != nil {
		return append(found, Finding{Code: "wss_no_certificate", Outcome: Problem, Text: d.Text("doctor.wss_failed", localcert.Why(err, d.Lang))})
	}
	end := language.Date(st.End, d.Lang)
	switch {
	case len(st.Missing) > 0:
		return append(found, Finding{Code: "wss_not_trusted", Outcome: Problem, Text: d.Text("doctor.wss_not_trusted", strings.Join(st.Missing, ", ")), Next: d.Text("doctor.wss_install")})
	case st.Renew(d.Now()):
		return append(found, Finding{Code: "wss_ends_soon", Outcome: Problem, Text: d.Text("doctor.wss_ends", end), Next: d.Text("doctor.wss_install")})
	}
	return append(found, Finding{Code: "wss_ready", Outcome: Good, Text: d.Text("doctor.wss_ready", end)})
}
