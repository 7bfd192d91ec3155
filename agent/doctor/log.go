package doctor

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/agent/events"
	"github.com/cpx-bridge/cpx-bridge/agent/journal"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
)

// storage reports whether a log is kept, where security events go, and whether there is room for the agent's lock
// and socket. A running agent knows of its log; without one the folder is looked at.
func (d *doctor) storage(context.Context) []Finding {
	if d.ofEverybody() { // logs and sockets are a person's
		return d.events()
	}
	found := append([]Finding{d.log()}, d.events()...)
	if dir := dirs.Runtime(); d.runtimeFull() {
		found = append(found, Finding{Code: "runtime_full", Subject: dir, Outcome: Problem, Text: d.Text("doctor.runtime_full", dir), Next: d.Text("journal.full_next", dir)})
	}
	return found
}

func (d *doctor) log() Finding {
	file := filepath.Join(d.StateDir, journal.Name)
	var failure *state.Failure
	if err := journal.Check(d.StateDir); err != nil {
		failure = &state.Failure{Reason: journal.Reason(err), Detail: err.Error()}
	}
	if r, err := d.running(); err == nil && r.Log != "" {
		file = r.Log
		if r.LogFailure != nil {
			failure = r.LogFailure
		}
	}
	if failure == nil {
		return Finding{Code: "log_kept", Subject: file, Outcome: Good, Text: d.Text("doctor.log_kept", file)}
	}
	f := Finding{Code: failure.Reason, Subject: file, Outcome: Notice, Text: failure.LogText(d.Lang, file), Next: d.Text("journal.refused_next", filepath.Dir(file))}
	switch f.Code {
	case journal.Full:
		f.Next = d.Text("journal.full_next", filepath.Dir(file))
	case journal.AuditRefused:
		f.Next = d.Text("journal.audit_next", filepath.Dir(file))
	}
	return f
}

// events reports whether security events reach the system's log, where the policy asks for
// them.
func (d *doctor) events() []Finding {
	if !d.Policy.Log.Events {
		return nil
	}
	f := Finding{Code: "events_sent", Outcome: Good, Text: d.Text("doctor.events_sent")}
	switch err := d.Events(); {
	case errors.Is(err, events.ErrUnregistered):
		f = Finding{Code: "events_unregistered", Subject: events.Source, Outcome: Notice, Text: d.Text("doctor.events_unregistered"), Next: d.Text("doctor.register_events")}
	case err != nil:
		f = Finding{Code: "events_nowhere", Outcome: Notice, Text: d.Text("doctor.events_nowhere"), Next: d.Text("doctor.events_nowhere_next")}
	}
	return []Finding{f}
}

// runtimeFull reports that the folder of lock and socket takes no more files: no agent
// can start.
func (d *doctor) runtimeFull() bool {
	dir := dirs.Runtime()
	return dir != "" && journal.Reason(journal.CheckNames(dir)) == journal.Full
}
