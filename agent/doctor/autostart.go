package doctor

import (
	"context"
)

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
