package doctor

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/owners"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

func (d *doctor) settings(context.Context) []Finding {
	if d.SettingsErr != nil {
		return []Finding{d.badSettings(d.SettingsErr)}
	}
	var list []Finding
	if bad := d.Policy.OwnFile(); bad != nil {
		list = append(list, d.writable("settings_writable", "doctor.settings_writable", bad))
	}
	if hidden := strings.Join(d.Policy.Hidden(), ", "); hidden != "" {
		list = append(list, Finding{
			Code: "setup_not_taken", Subject: hidden, Outcome: Notice,
			Text: d.Text("doctor.setup_not_applied", hidden), Next: d.Text("doctor.setup_next"),
		})
	}
	if len(d.Policy.Warnings) == 0 {
		return append(list, Finding{Code: "settings_taken", Outcome: Good, Text: d.Text("doctor.settings_applied")})
	}
	for _, w := range d.Policy.Warnings {
		list = append(list, Finding{
			Code: "setting_not_taken", Scope: d.ofFile(w.File), Subject: w.Key, Outcome: Problem,
			Text: d.Text("doctor.setting_not_applied", w.File, w.Line, w.Key, w.In(d.Lang)), Next: d.Text("doctor.setting_next"),
		})
	}
	return list
}

// writable reports on what is the person's own and others may change: it is used all the
// same.
func (d *doctor) writable(code string, text texts.Key, bad *owners.Error) Finding {
	return Finding{Code: code, Subject: bad.Path, Outcome: Notice, Text: d.Text(text, bad.Path, bad.Why(d.Catalogue)), Next: bad.Next(d.Catalogue)}
}

// badSettings reports settings with which no agent starts. Every other check is made all
// the same, without them.
func (d *doctor) badSettings(err error) Finding {
	f := Finding{Code: "settings_bad", Outcome: Problem, Next: d.Text("doctor.mend_settings")}
	after := " " + d.Text("doctor.settings_running")
	if bad, is := errors.AsType[*owners.Error](err); is {
		f.Code, f.Subject = "settings_untrusted", bad.Path
		f.Text, f.Next = d.Text("doctor.settings_untrusted", bad.Path, bad.Why(d.Catalogue))+after, bad.Next(d.Catalogue)
		return f
	}
	where, _ := errors.AsType[*policy.SettingsError](err)
	if where != nil {
		f.Scope = d.ofFile(where.File)
	}
	switch {
	case where == nil:
	case where.Key == "" && strings.HasPrefix(where.File, `HKLM\`): // a value of the registry, by its full name
		f.Subject, f.Next = where.File, d.Text("doctor.mend_registry")
	case errors.Is(err, fs.ErrNotExist):
		f.Subject, f.Next = where.File, d.Text("doctor.name_settings")
	case errors.Is(err, fs.ErrPermission):
		f.Subject, f.Next = where.File, d.Text("doctor.open_settings")
	default:
		f.Subject = where.Key
	}
	f.Text = d.Text("doctor.settings_unreadable", policy.Text(err, d.Lang)) + "." + after
	return f
}
