package doctor

import (
	"context"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
)

// callers reports whether this system tells who connects: without it no agent
// serves.
func (d *doctor) callers(context.Context) []Finding {
	err := d.callersErr()
	if err == nil {
		return []Finding{{Code: "callers_known", Outcome: Good, Text: d.Text("doctor.callers_known")}}
	}
	f := Finding{Code: "callers_failed", Outcome: Problem, Text: peer.Why(err, d.Lang), Next: peer.Next(err, d.Lang)}
	if reason := peer.Reason(err); reason != "" {
		f.Code = "callers_" + reason
	} else {
		f.Next = d.Text("doctor.report")
	}
	return []Finding{f}
}

// withoutStart takes back the advice to start or to restart an agent that would end
// at once, because nobody tells who connects, its lock has no room, or its settings are bad.
func (d *doctor) withoutStart(found []Finding) []Finding {
	next := ""
	if d.callersErr() == nil && !d.runtimeFull() {
		if d.SettingsErr == nil {
			return found
		}
		next = d.Text("doctor.settings_first")
	}
	for i := range found {
		if found[i].Code == "no_agent" || found[i].Code == "agent_deaf" {
			found[i].Next = next
		}
	}
	return found
}
