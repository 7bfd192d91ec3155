package policy

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

// doubt is a reading of the machine's policy in which something of the one in force is gone.
// Group policy, installers and editors remove it before they write it anew: what is there in
// between would let each site ask that the policy does not list.
type doubt struct {
	machine *source
	since   time.Time
}

// believed is the machine's policy as it counts: a reading, but where something of the one in
// force is gone that one, until a reading some time later finds the same.
func (w *Watch) believed(machine *source) *source {
	gone := lost(w.Now.machine, machine)
	switch {
	case len(gone) == 0:
		w.doubt = nil
		return machine
	case w.doubt == nil || !reflect.DeepEqual(w.doubt.machine, machine):
		w.doubt = &doubt{machine, time.Now()}
		w.Logger.Warn("something of the machine's policy is gone: it stays in force until that is seen a second time", "gone", gone, "after", w.Doubt, audit.Setting)
		return w.Now.machine
	case time.Since(w.doubt.since) < w.Doubt:
		return w.Now.machine
	}
	w.doubt = nil
	w.Logger.Warn("something of the machine's policy was removed", "gone", gone, audit.Setting)
	return machine
}

// confirms receives when the reading is due that decides a doubt; nil: there is none.
func (w *Watch) confirms() <-chan time.Time {
	if w.doubt == nil {
		return nil
	}
	return time.After(w.Doubt - time.Since(w.doubt.since))
}

// lost names what a policy set that it does not set any more: all of it, keys, or entries
// of a list that has no others instead.
func lost(was, is *source) (gone []string) {
	switch {
	case was == nil:
		return nil
	case is == nil:
		return []string{was.path}
	}
	for i := range definitions {
		key := definitions[i].Key
		if was.sets(key) && (!is.sets(key) || shortened(was.values[key], is.values[key])) {
			gone = append(gone, key)
		}
	}
	return gone
}

func shortened(was, is any) bool {
	before, list := was.([]string)
	now, _ := is.([]string)
	return list && len(now) < len(before) && !slices.ContainsFunc(now, func(entry string) bool { return !slices.Contains(before, entry) })
}

// settle returns once nothing changes for a while, and reports whether that is so of the
// machine's policy: it waits for a person's file no longer than for the longest time, else
// who writes there without end would escape a policy that changes.
func (w *Watch) settle(ctx context.Context, machine, user <-chan struct{}) bool {
	longest := time.After(longestSettle * w.Settle)
	machineQuiet, userQuiet := time.After(w.Settle), time.After(w.Settle)
	for machineQuiet != nil || userQuiet != nil {
		select {
		case <-machine:
			machineQuiet = time.After(w.Settle)
		case <-user:
			userQuiet = time.After(w.Settle)
		case <-machineQuiet:
			machineQuiet = nil
		case <-userQuiet:
			userQuiet = nil
		case <-longest:
			return machineQuiet == nil
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// restless says that the machine's policy changes without end.
func (p Paths) restless() error {
	file := p.Machine
	if p.Registry != nil {
		file = p.Registry.Name
	}
	return tomlfile.New(file, 0, "", tomlfile.Say("settings.restless"))
}
