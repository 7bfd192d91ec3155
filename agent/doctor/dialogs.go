package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
)

func (d *doctor) dialogs(context.Context) []Finding {
	found, windows := d.toolkit()
	own := windows && (d.Display == nil || d.Display())
	agents := !own && d.agentsDisplay()
	if d.Display != nil && (windows || agents) { // without the toolkit no display can be asked
		found = append(found, d.display(own, agents))
	}
	if d.System != "linux" {
		return found // the system's own dialogs
	}
	program, err := prompt.Program(d.Policy.Pinentry)
	if !hasDisplay() { // not the session in which people are asked, or a terminal's
		if installed, installedErr := prompt.Installed(d.Policy.Pinentry); installedErr == nil {
			program, err = installed, nil
		} else if agents || program == "" {
			program, err = "", installedErr
		}
	}
	asksAll := d.Policy.Pinentry == "" && (agents || windows && d.ofEverybody() || own && prompt.OwnWindow("")) // our window, also for the PIN, on any desktop
	if asksAll {
		found = append(found, Finding{Code: "dialog_window", Outcome: Good, Text: d.Text("doctor.window_asks_all")})
	}
	switch {
	case asksAll && err != nil:
		return found // a program that asks in its stead is good to have, no more
	case asksAll:
		return append(found, Finding{Code: "dialog_program", Subject: program, Outcome: Good, Text: d.Text("doctor.dialogs_instead", program)})
	case err != nil:
		return append(found, Finding{Code: "no_dialog_program", Outcome: Problem, Text: d.Text("doctor.no_dialogs"), Next: d.dialogsNext(err)})
	}
	refused, bad := d.Policy.Owners("pinentry", program)
	switch {
	case refused:
		return append(found, Finding{Code: "dialog_program_untrusted", Subject: program, Outcome: Problem,
			Text: d.Text("doctor.pinentry_untrusted", program, bad.Why(d.Catalogue)), Next: bad.Next(d.Catalogue)})
	case bad != nil:
		found = append(found, d.writable("dialog_program_writable", "doctor.pinentry_writable", bad))
	}
	found = append(found, Finding{Code: "dialog_program", Subject: program, Outcome: Good, Text: d.Text("doctor.dialogs", program)})
	switch {
	case agents && !prompt.AsksAll(d.Policy.Pinentry), own && prompt.OwnWindow(d.Policy.Pinentry):
		return append(found, Finding{Code: "dialog_window", Outcome: Good, Text: d.Text("doctor.own_window")})
	case !own && !agents && !hasDisplay() && !onTerminal(program):
		return found // which program asks the rest is known on a desktop only
	}
	return append(found, Finding{Code: "dialog_program_alone", Subject: program, Outcome: Good, Text: d.Text("doctor.no_window")})
}

// toolkit reports what the program needs of the system to show anything, and whether it is there for
// windows.
func (d *doctor) toolkit() (found []Finding, windows bool) {
	if d.Toolkit == nil {
		return nil, true
	}
	if missing := d.Toolkit(false); missing != "" {
		return []Finding{{Code: "no_toolkit", Outcome: Notice, Text: d.Text("doctor.no_toolkit", missing), Next: d.Text("doctor.install_toolkit")}}, false
	}
	if missing := d.Toolkit(true); missing != "" {
		return []Finding{{Code: "no_panel_library", Outcome: Notice, Text: d.Text("doctor.no_panel_library", missing), Next: d.Text("doctor.install_panel_library")}}, true
	}
	return nil, true
}

// display reports where a window can be shown. Where this program has no display,
// as over ssh, the running agent's counts; without an agent this is unknown.
func (d *doctor) display(own, agents bool) Finding {
	switch {
	case own:
		return Finding{Code: "display_answers", Outcome: Good, Text: d.Text("doctor.display")}
	case agents:
		return Finding{Code: "display_answers", Outcome: Good, Text: d.Text("doctor.agents_display")}
	case !hasDisplay():
		return Finding{Code: "no_display", Outcome: Unknown, Text: d.Text("doctor.display_unknown"), Next: d.Text(d.key("doctor.no_display_next", "doctor.no_display_windows"))}
	}
	return Finding{Code: "no_display", Outcome: Problem, Text: d.Text("doctor.no_display"), Next: d.Text(d.key("doctor.no_display_next", "doctor.no_display_windows"))}
}

func (d *doctor) agentsDisplay() bool {
	r, err := d.running()
	return err == nil && r.Desktop != nil && r.Desktop.Display
}

func hasDisplay() bool { return os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "" }

func onTerminal(program string) bool {
	return strings.HasSuffix(program, "-tty") || strings.HasSuffix(program, "-curses")
}

// dialogsNext never advises installing a program that the settings exclude.
func (d *doctor) dialogsNext(err error) string {
	switch {
	case d.Policy.Pinentry == "":
		return d.Text("doctor.install_dialogs")
	case errors.Is(err, fs.ErrNotExist):
		return d.Text("doctor.mend_pinentry", d.Policy.Pinentry)
	}
	return d.Text("doctor.run_pinentry", d.Policy.Pinentry)
}
