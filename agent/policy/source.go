package policy

import (
	"errors"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

// SettingsError is an invalid setting, with which the agent does not start. Its File is
// the full name of the value where the setting stands in the registry.
type SettingsError = tomlfile.Error

// Reason names a SettingsError where failures have reasons.
const Reason = "settings_refused"

// Text is the error in a person's language, as far as there is a text of it.
func Text(err error, lang string) string {
	if bad, is := errors.AsType[*SettingsError](err); is {
		return bad.In(lang)
	}
	return err.Error()
}

// source is what one file, or the key of the registry, sets.
type source struct {
	path   string // of the file; the key's full name
	system pathSystem
	// values are as written until check, and then as they are put into Settings.
	values map[string]any
	lines  tomlfile.Lines
	// valueNames are those of the registry's values, of a list one for each entry; nil:
	// this is a file.
	valueNames map[string][]string
	// hidden are keys that an installer was given and that this one does not set.
	hidden []string
}

// err is an error of a key, or of an entry of its list.
func (s *source) err(key string, entry int, say tomlfile.Message) error {
	if s.valueNames == nil {
		return tomlfile.New(s.path, s.lines[key], key, say)
	}
	names := s.valueNames[key]
	return tomlfile.New(names[min(entry, len(names)-1)], 0, "", say)
}

func (s *source) warning(key string, why texts.Key) Warning {
	return Warning{File: s.path, Line: s.lines[key], Key: key, Text: texts.In(language.English).Text(why), why: why}
}

// where is where a key is set: the file, or the value or key of the registry.
func (s *source) where(key string) string {
	if s.valueNames == nil {
		return s.path
	}
	return s.path + `\` + strings.ReplaceAll(key, ".", `\`)
}

func (s *source) sets(key string) bool {
	_, set := s.values[key]
	return set
}

// check validates the values.
func (s *source) check() error {
	for i := range definitions {
		d := &definitions[i]
		written, set := s.values[d.Key]
		if !set {
			continue
		}
		value, entry, wrong := d.value(written, s.system)
		if wrong != nil {
			return s.err(d.Key, entry, wrong)
		}
		s.values[d.Key] = value
	}
	for _, section := range []string{"ports", "wss"} {
		if err := s.checkRange(section); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) checkRange(section string) error {
	first, set := s.values[section+".first"].(int)
	if !set {
		return nil // the default's range ends below with any count
	}
	key, n := section+".first", defaultPorts
	if count, set := s.values[section+".count"].(int); set {
		key, n = section+".count", count
	}
	if first+n-1 > lastPort {
		return s.err(key, 0, tomlfile.Say("settings.range", lastPort))
	}
	return nil
}

// checkNetwork refuses what a machine's policy would have run from the network: who
// answers there for a server's name would run as each person of the machine.
func (s *source) checkNetwork() error {
	if allowed, _ := s.values["modules_from_network"].(bool); allowed {
		return nil
	}
	for i := range definitions {
		d := &definitions[i]
		var paths []string
		switch v := s.values[d.Key].(type) {
		case string:
			paths = []string{v}
		case []string:
			paths = v
		}
		for entry, path := range paths {
			if (d.Kind == KindPath || d.Kind == KindPaths) && s.system.elsewhere(path) {
				return s.err(d.Key, entry, tomlfile.Say("settings.network", path))
			}
		}
	}
	return nil
}

// checkPersons refuses what a person's own file may not set where there is no machine
// policy either: it would widen what nobody allowed.
func (s *source) checkPersons() error {
	for i := range definitions {
		if key := definitions[i].Key; definitions[i].Person == Never && s.sets(key) {
			return s.err(key, 0, tomlfile.Say(machineOnly))
		}
	}
	return nil
}

const machineOnly texts.Key = "settings.machine_only"
