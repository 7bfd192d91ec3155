package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/origin"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// mergeUser applies the person's file on top of the machine's. What the person may
// not set is only warned of: rolling out a policy must never leave a workstation
// without an agent.
func (e *Effective) mergeUser(user, machine *source) {
	e.merge(user, func(key string) bool {
		why := e.refusal(key, user, machine)
		if why != "" {
			e.Warnings = append(e.Warnings, user.warning(key, why))
		}
		return why == ""
	})
	allow, lists := user.values["origins.allow"].([]string)
	if !lists {
		return
	}
	e.userLists, e.userAllow = true, allow
	if machine == nil || !machine.sets("origins.allow") {
		e.Sources["origins.allow"] = user.path
		return
	}
	e.Sources["origins.allow"] = machine.where("origins.allow") + " + " + user.path
}

// refusal is why a person's key does not apply, "" where it does.
func (e *Effective) refusal(key string, user, machine *source) texts.Key {
	switch {
	case machine == nil && defined(key).Person == Never: // the policy went while the agent runs
		return machineOnly
	case machine == nil, key == "origins.block":
		return ""
	case key == "origins.mode":
		if e.Origins.Mode == ModeListed && user.values[key] == ModeAsk {
			return "settings.listed_only"
		}
		return ""
	case machine.sets(key):
		return "settings.fixed"
	case defined(key).Person != Free:
		return "settings.managed"
	}
	return ""
}

// Managed reports whether there is a machine policy.
func (e *Effective) Managed() bool { return e.hasMachine }

// Hidden are the settings that an installer was given and that do not count, because group
// policy has a key and does not set them.
func (e *Effective) Hidden() []string {
	if e.machine == nil {
		return nil
	}
	return e.machine.hidden
}

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
	list := make([]Setting, len(definitions))
	for i := range definitions {
		d := &definitions[i]
		list[i] = Setting{d.Key, Show(d.get(&e.Settings)), e.Sources[d.Key]}
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
