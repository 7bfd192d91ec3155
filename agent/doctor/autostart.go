package doctor

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// Start is what starts the agent at a login, or at a click in a menu.
type Start struct {
	Enabled    bool
	Where      string // the file or key
	Missing    string // the program that it names, where that does not exist
	Program    string // the program that it names; "": not known
	Supervised bool   // the agent is started anew after a crash
	Unit       string // the file of a unit of systemd that starts it, alone or beside the entry
}

func (d *doctor) autostart(context.Context) []Finding {
	found := d.starts()
	if !d.ofEverybody() {
		return found
	}
	for i := range found {
		f := &found[i]
		f.Scope = OfMachine
		if f.Code == "no_autostart" {
			f.Text = d.Text("doctor.no_autostart_everyone")
		}
		if f.Next != "" { // which would be for whoever runs this
			f.Next = d.Text(d.key("doctor.everyone_next", "doctor.everyone_windows"))
		}
	}
	return found
}

func (d *doctor) starts() []Finding {
	now, err := d.Autostart()
	switch {
	case err != nil:
		return []Finding{{Code: "autostart_unknown", Outcome: Unknown, Text: d.Text("doctor.autostart_unknown", err)}}
	case now.Missing != "":
		return []Finding{{Code: "autostart_broken", Subject: now.Where, Outcome: Problem, Text: d.Text("doctor.autostart_broken", now.Where, now.Missing), Next: d.Text("doctor.autostart_next")}}
	case !now.Enabled:
		return []Finding{{Code: "no_autostart", Subject: now.Where, Outcome: Problem, Text: d.Text("doctor.no_autostart"), Next: d.Text("doctor.autostart_next")}}
	}
	text, renew := d.Text("doctor.autostarts", now.Where), texts.Key("doctor.autostart_renew")
	switch now.Unit {
	case "":
	case now.Where:
		text, renew = d.Text("doctor.autostarts_unit", now.Unit), "doctor.unit_renew"
	default:
		text = d.Text("doctor.autostarts_both", now.Where, now.Unit)
	}
	found := []Finding{{Code: "autostart", Subject: now.Where, Outcome: Good, Text: text}}
	if !now.Supervised {
		found = append(found, Finding{Code: "autostart_unsupervised", Subject: now.Where, Outcome: Notice,
			Text: d.Text("doctor.autostart_unsupervised", now.Where), Next: d.Text(renew)})
	}
	return append(found, d.otherProgram("autostart_other_program", now, renew)...)
}

// menu is about the entry of the applications' menu. Where there is none, nothing fails: the
// person only looks for it in vain.
func (d *doctor) menu(context.Context) []Finding {
	now, err := d.Menu()
	switch {
	case err != nil:
		return []Finding{{Code: "menu_unknown", Outcome: Unknown, Text: d.Text("doctor.menu_unknown", err)}}
	case now.Missing != "":
		return []Finding{{Code: "menu_broken", Subject: now.Where, Outcome: Notice, Text: d.Text("doctor.menu_broken", now.Where, now.Missing), Next: d.Text("doctor.menu_next")}}
	case !now.Enabled:
		return []Finding{{Code: "no_menu", Subject: now.Where, Outcome: Notice, Text: d.Text("doctor.no_menu"), Next: d.Text("doctor.menu_next")}}
	}
	return append([]Finding{{Code: "menu", Subject: now.Where, Outcome: Good, Text: d.Text("doctor.in_menu", now.Where)}},
		d.otherProgram("menu_other_program", now, "doctor.menu_next")...)
}

// otherProgram reports an entry that starts another copy of the agent than this one, as after
// it was moved: that one may be of another version.
func (d *doctor) otherProgram(code string, now Start, next texts.Key) []Finding {
	own, err := os.Executable()
	if err != nil || now.Program == "" || sameProgram(now.Program, own) {
		return nil
	}
	return []Finding{{Code: code, Subject: now.Where, Outcome: Notice, Text: d.Text("doctor.other_program", now.Where, now.Program, own), Next: d.Text(next)}}
}

// sameProgram reports whether both paths lead to one program, or to the two that stand beside
// each other on Windows.
func sameProgram(named, own string) bool {
	if path, err := exec.LookPath(named); err == nil {
		named = path
	}
	there, err := os.Stat(named)
	if err != nil {
		return true // which is reported elsewhere
	}
	here, err := os.Stat(own)
	return err != nil || os.SameFile(there, here) || isAgent(named) && isAgent(own) && sameFolder(named, own)
}

func sameFolder(a, b string) bool {
	there, err := os.Stat(filepath.Dir(a))
	if err != nil {
		return false
	}
	here, err := os.Stat(filepath.Dir(b))
	return err == nil && os.SameFile(there, here)
}
