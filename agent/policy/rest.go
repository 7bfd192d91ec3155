package policy

import (
	"errors"
	"io/fs"
)

// Rest are the settings without what Load refuses of them, for those who have to go on
// all the same, as an examination of the workstation does: no agent starts with them. Of a
// machine's policy that is bad nothing is known but that there is one, so that nobody is
// allowed and nothing of the person's is taken; and whether it asks for security events, since
// that it is bad is one. It reads no file of the person's.
func Rest(paths Paths) *Effective {
	machine, err := readMachine(paths)
	e := merged(machine, nil)
	if err != nil {
		e.hasMachine, e.machineLists, e.Origins.Mode = true, true, ModeListed
		e.Log.Events = asksForEvents(paths)
	}
	return e
}

// asksForEvents reports whether a policy asks for security events that is bad otherwise, or
// that others may write: they could only have something sent that says nothing of anybody.
func asksForEvents(paths Paths) bool {
	var s *source
	if paths.Registry != nil {
		s = paths.Registry.logSection()
	} else {
		s, _ = readFile(paths.Machine, false)
	}
	if s == nil {
		return false
	}
	asks, _ := s.values["log.events"].(bool)
	return asks
}

// logSection is what the section of the log sets, whatever else stands in the key.
func (registry *Registry) logSection() *source {
	key, err := registry.Open()
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && registry.Otherwise != nil {
			return registry.Otherwise.logSection()
		}
		return nil
	}
	defer key.Close()
	section, err := key.Open("log")
	if err != nil {
		return nil
	}
	defer section.Close()
	r := &registryReader{Registry: registry, source: &source{path: registry.Name, system: windowsPaths, values: map[string]any{}, valueNames: map[string][]string{}}}
	_ = r.section(section, registry.Name, "log") // what is bad there is said by who reads all of it
	return r.source
}
