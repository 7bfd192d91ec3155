package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/browsers"
	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/agent/localcert"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
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
		return append(found, Finding{Code: "no_dialog_program", Outcome: Problem, Text: d.words.NoDialogs, Next: d.dialogsNext(err)})
	}
	found = append(found, Finding{Code: "dialog_program", Subject: program, Outcome: Good, Text: fmt.Sprintf(d.words.Dialogs, program)})
	switch {
	case agents && !prompt.AsksAll(d.Policy.Pinentry), own && prompt.OwnWindow(d.Policy.Pinentry):
		return append(found, Finding{Code: "dialog_window", Outcome: Good, Text: d.words.OwnWindow})
	case !own && !agents && !hasDisplay() && !onTerminal(program):
		return found // who asks the rest, only a desktop would tell
	}
	return append(found, Finding{Code: "dialog_program_alone", Subject: program, Outcome: Good, Text: d.words.NoWindow})
}

// display says where a window can be shown. Where this program has no display, as
// over ssh, the running agent's counts; without one it cannot be told.
func (d *doctor) display(own, agents bool) Finding {
	switch {
	case own:
		return Finding{Code: "display_answers", Outcome: Good, Text: d.words.Display}
	case agents:
		return Finding{Code: "display_answers", Outcome: Good, Text: d.words.AgentsDisplay}
	case !hasDisplay():
		return Finding{Code: "no_display", Outcome: Unknown, Text: d.words.DisplayUnknown, Next: d.words.NoDisplayNext}
	}
	return Finding{Code: "no_display", Outcome: Problem, Text: d.words.NoDisplay, Next: d.words.NoDisplayNext}
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
		return d.words.InstallDialogs
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf(d.words.MendPinentry, d.Policy.Pinentry)
	}
	return fmt.Sprintf(d.words.RunPinentry, d.Policy.Pinentry)
}

// keyring: logins work without one, and nothing is remembered, so it is never a
// problem. The running agent's word counts where this program reaches none.
func (d *doctor) keyring(ctx context.Context) []Finding {
	err := d.Keyring(ctx)
	if errors.Is(err, keyring.ErrNone) && d.Policy.Origins.Mode != policy.ModeListed { // there the agent never asks it
		if r, agentErr := d.running(); agentErr == nil && r.Desktop != nil {
			err = keyringOf(r.Desktop.Keyring)
		} else if noSession() {
			return []Finding{{Code: "keyring_unknown", Outcome: Unknown, Text: d.words.KeyringUnknown, Next: d.words.NoDisplayNext}}
		}
	}
	f := Finding{Code: "keyring_open", Outcome: Good, Text: d.words.KeyringOpen}
	switch {
	case err == nil:
		return []Finding{f}
	case errors.Is(err, keyring.ErrLocked):
		f = Finding{Code: "keyring_locked", Text: d.words.KeyringLocked, Next: d.words.UnlockKeyring}
	case errors.Is(err, keyring.ErrNone):
		f = Finding{Code: "no_keyring", Text: d.words.NoKeyring, Next: d.words.InstallKeyring}
	case errors.Is(err, keyring.ErrSlow):
		f = Finding{Code: "keyring_slow", Text: d.words.KeyringSlow, Next: d.words.RestartKeyring}
	default:
		f = Finding{Code: "keyring_refused", Text: d.words.KeyringRefused, Next: d.words.RestartKeyring}
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
	dir := os.Getenv("XDG_RUNTIME_DIR")
	_, err := os.Stat(filepath.Join(dir, "bus"))
	return dir == "" || err != nil
}

func (d *doctor) autostart(context.Context) []Finding {
	enabled, where, missing, err := d.Autostart()
	switch {
	case err != nil:
		return []Finding{{Code: "autostart_unknown", Outcome: Unknown, Text: fmt.Sprintf(d.words.AutostartUnknown, err)}}
	case missing != "":
		return []Finding{{Code: "autostart_broken", Subject: where, Outcome: Problem, Text: fmt.Sprintf(d.words.AutostartBroken, where, missing), Next: d.words.AutostartNext}}
	case !enabled:
		return []Finding{{Code: "no_autostart", Subject: where, Outcome: Problem, Text: d.words.NoAutostart, Next: d.words.AutostartNext}}
	}
	return []Finding{{Code: "autostart", Subject: where, Outcome: Good, Text: fmt.Sprintf(d.words.Autostarts, where)}}
}

// browsers: without a policy the browser asks the person, which is a problem
// only where an administrator names the portals.
func (d *doctor) browsers(context.Context) []Finding {
	origins := d.Policy.Origins.Allow
	if len(origins) == 0 {
		return []Finding{{Code: "no_portal_named", Outcome: Good, Text: d.words.NoPortals}}
	}
	if len(browsers.Sayable(origins)) == 0 { // true of every policy, and says nothing of one
		return []Finding{{Code: "portals_local", Outcome: Good, Text: d.words.PortalsLocal}}
	}
	states, err := browsers.InForce(d.Root, origins)
	if err != nil {
		return []Finding{{Code: "policy_unknown", Outcome: Unknown, Text: fmt.Sprintf(d.words.PolicyUnknown, "", err)}}
	}
	var found []Finding
	for _, s := range states {
		if s.Installed {
			found = append(found, d.browser(s))
		}
	}
	if len(found) == 0 {
		return []Finding{{Code: "no_browser", Outcome: Unknown, Text: d.words.NoBrowser}}
	}
	return found
}

func (d *doctor) browser(s browsers.State) Finding {
	f := Finding{Code: "policy_in_force", Subject: string(s.Browser), Outcome: Good, Text: fmt.Sprintf(d.words.PolicyInForce, s.Browser.Name())}
	switch {
	case errors.Is(s.Err, browsers.ErrMalformed):
		f.Code, f.Outcome, f.Text, f.Next = "policy_malformed", Problem, fmt.Sprintf(d.words.PolicyMalformed, s.Browser.Name(), s.Where), d.words.MendPolicy
	case errors.Is(s.Err, browsers.ErrFlatpak):
		f.Code, f.Outcome, f.Text, f.Next = "policy_flatpak", Unknown, fmt.Sprintf(d.words.PolicyFlatpak, s.Browser.Name()), d.words.FlatpakNext
	case s.Err != nil:
		f.Code, f.Outcome, f.Text = "policy_unknown", Unknown, fmt.Sprintf(d.words.PolicyUnknown, s.Browser.Name(), s.Err)
	case len(s.Blocked) > 0:
		f.Code, f.Outcome = "policy_blocks", Problem
		f.Text, f.Next = fmt.Sprintf(d.words.PolicyBlocks, s.Browser.Name(), len(s.Blocked), s.Where), d.words.UnblockPolicy
	case len(s.Missing) > 0 && d.Policy.Managed():
		f.Code, f.Outcome = "policy_missing", Problem
		f.Text, f.Next = fmt.Sprintf(d.words.PolicyMissing, s.Browser.Name(), strings.Join(s.Missing, ", ")), fmt.Sprintf(d.words.WritePolicy, d.originOptions())
	case len(s.Missing) > 0: // a person's own list says where that person logs in
		f.Code, f.Text = "policy_none", fmt.Sprintf(d.words.BrowserAsks, s.Browser.Name())
	}
	return f
}

// originOptions name every portal of the settings: what is written takes the place
// of what was. Double quotes keep a shell from a wildcard, those of Windows too,
// and an entry of the settings holds nothing that means something within them.
func (d *doctor) originOptions() string {
	var options []string
	for _, o := range browsers.Sayable(d.Policy.Origins.Allow) {
		options = append(options, `--origin "`+o+`"`)
	}
	return strings.Join(options, " ")
}

func (d *doctor) wss(ctx context.Context) []Finding {
	store := d.localCertificate()
	st, err := store.Status(ctx)
	if err != nil {
		return []Finding{{Code: "wss_damaged", Outcome: Problem, Text: fmt.Sprintf(d.words.WSSFailed, localcert.Why(err, d.Lang))}}
	}
	var found []Finding
	if st.Left > 0 {
		found = append(found, Finding{Code: "wss_left", Outcome: Problem, Text: fmt.Sprintf(d.words.WSSLeft, st.Left), Next: d.words.WSSLeftNext})
	}
	switch {
	case !d.Policy.WSS.Enabled && st.Installed:
		return append(found, Finding{Code: "wss_not_needed", Outcome: Problem, Text: d.words.WSSNotNeeded, Next: d.words.WSSRemove})
	case !d.Policy.WSS.Enabled:
		return append(found, Finding{Code: "wss_off", Outcome: Good, Text: d.words.WSSOff})
	}
	if _, err := store.Certificate(ctx); err != nil {
		return append(found, Finding{Code: "wss_no_certificate", Outcome: Problem, Text: fmt.Sprintf(d.words.WSSFailed, localcert.Why(err, d.Lang))})
	}
	end := language.Date(st.End, d.Lang)
	switch {
	case len(st.Missing) > 0:
		return append(found, Finding{Code: "wss_not_trusted", Outcome: Problem, Text: fmt.Sprintf(d.words.WSSNotTrusted, strings.Join(st.Missing, ", ")), Next: d.words.WSSInstall})
	case st.Renew(d.Now()):
		return append(found, Finding{Code: "wss_ends_soon", Outcome: Problem, Text: fmt.Sprintf(d.words.WSSEnds, end), Next: d.words.WSSInstall})
	}
	return append(found, Finding{Code: "wss_ready", Outcome: Good, Text: fmt.Sprintf(d.words.WSSReady, end)})
}
