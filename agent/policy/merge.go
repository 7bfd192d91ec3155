package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/origin"
)

// userMay are the keys that a person may set where a machine policy exists and does
// not set them. allow, block and mode have rules of their own.
var userMay = []string{"lang", "log.level", "notifications", "origins.block", "origins.mode"}

// mergeUser applies the person's file on top of the machine's. What the person may
// not set is only warned of: rolling out a policy must never leave a workstation
// without an agent.
func (e *Effective) mergeUser(user, machine *file) {
	e.merge(user, func(key string) bool {
		why := e.refusal(key, user, machine)
		if why != "" {
			e.Warnings = append(e.Warnings, user.warning(key, why))
		}
		return why == ""
	})
	if user.Origins.Allow == nil {
		return
	}
	e.userLists, e.userAllow = true, *user.Origins.Allow
	if machine == nil || machine.Origins.Allow == nil {
		e.Sources["origins.allow"] = user.path
		return
	}
	e.Sources["origins.allow"] = machine.path + " and " + user.path
}

// refusal is why a person's key does not apply, "" where it does.
func (e *Effective) refusal(key string, user, machine *file) string {
	switch {
	case machine == nil, key == "origins.block":
		return ""
	case key == "origins.mode":
		if e.Origins.Mode == ModeListed && *user.Origins.Mode == ModeAsk {
			return "the machine's policy allows listed origins only"
		}
		return ""
	case machine.sets(key):
		return "the machine's policy sets this"
	case !slices.Contains(userMay, key):
		return "is not taken from a person's settings where a machine policy exists"
	}
	return ""
}

func (f *file) sets(key string) bool {
	_, set := f.lines[key]
	return set
}

// Managed reports whether there is a machine policy.
func (e *Effective) Managed() bool { return e.hasMachine }

// mergedAllow is the list to display: the machine's entries where the person lists
// none, else the intersection.
func (e *Effective) mergedAllow() []string {
	switch {
	case !e.userLists:
		return e.machineAllow
	case !e.machineLists:
		return e.userAllow
	}
	var both []string
	for _, text := range append(slices.Clone(e.userAllow), e.machineAllow...) {
		if !slices.Contains(both, text) && covered(text, e.userAllow) && covered(text, e.machineAllow) {
			both = append(both, text)
		}
	}
	return both
}

// covered reports whether the list allows every origin of the entry.
func covered(text string, list []string) bool {
	p, err := parsePattern(text)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(list, func(other string) bool {
		q, err := parsePattern(other)
		if err != nil {
			return false
		}
		if p.suffix == "" {
			o, err := origin.Parse(p.exact)
			return err == nil && q.matches(o)
		}
		return q.suffix != "" && strings.HasSuffix(p.suffix, q.suffix)
	})
}

// Setting is one line of `cpx-agent policy`.
type Setting struct{ Key, Value, From string }

// Describe lists every setting and where it comes from.
func (e *Effective) Describe() []Setting {
	values := map[string]any{
		"modules": e.Modules, "pinentry": e.Pinentry, "lang": e.Lang,
		"origins.mode": e.Origins.Mode, "origins.allow": e.Origins.Allow, "origins.block": e.Origins.Block,
		"ports.first": e.Ports.First, "ports.count": e.Ports.Count, "pin.session": e.PIN.Session.String(),
		"wss.enabled": e.WSS.Enabled, "wss.first": e.WSS.First, "wss.count": e.WSS.Count, "log.level": e.Log.Level,
		"limits.pin_pad": e.Limits.PINPad.String(), "limits.card": e.Limits.Card.String(), "limits.other": e.Limits.Other.String(),
		"notifications": e.Notifications,
	}
	list := make([]Setting, len(keys))
	for i, key := range keys {
		list[i] = Setting{key, Show(values[key]), e.Sources[key]}
	}
	return list
}

// Show is a value as Describe shows it.
func Show(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case []string:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = fmt.Sprintf("%q", s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	return fmt.Sprint(v)
}
