package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

// Kind is what a setting's value is.
type Kind int

// The kinds, and how each is written: in TOML, and in the registry.
const (
	KindText     Kind = iota // text; REG_SZ
	KindNumber               // a whole number; REG_DWORD
	KindSwitch               // true or false; REG_DWORD 1 or 0
	KindDuration             // text such as "30s"; REG_SZ
	KindPath                 // text, an absolute path; REG_SZ or REG_EXPAND_SZ
	KindPaths                // a list of them; a key of numbered values, or REG_MULTI_SZ
	KindOrigins              // a list of entries of ParseEntry, written likewise
)

// List reports whether the value is a list.
func (k Kind) List() bool { return k == KindPaths || k == KindOrigins }

// Person says whether a person's own file may set a key.
type Person int

// What a person may set.
const (
	// Free: unless the machine's policy sets it. Keys of origins have rules of
	// their own: see Effective.refusal.
	Free Person = iota
	// Alone: only where there is no machine policy.
	Alone
	// Never: the machine's policy only.
	Never
)

// Definition is one setting. Everything that reads, shows or documents settings goes
// by it.
type Definition struct {
	Key    string // "section.name", or "name"
	Kind   Kind
	Person Person
	// Values are all that a Text may be, beside its default.
	Values []string
	// Least and Most bound a Number, and a Duration in its nanoseconds.
	Least, Most int64
	// Default is a string, []string, int, bool or time.Duration, as Kind wants.
	Default any
	// Bounds is the text of what a value has to be.
	Bounds texts.Key
	// Meaning and Otherwise are what docs/administrators.md says of it, and of its
	// default. Keys without them share the row above.
	Meaning, Otherwise string

	in func(*Settings) any // where the value goes: a pointer to what Default is
}

// Section is the part of the key before the dot, "" where there is none.
func (d *Definition) Section() string { section, _ := d.parts(); return section }

// Name is the key within its section.
func (d *Definition) Name() string { _, name := d.parts(); return name }

func (d *Definition) parts() (section, name string) {
	section, name, inSection := strings.Cut(d.Key, ".")
	if !inSection {
		return "", section
	}
	return section, name
}

// Definitions are all settings, in the order in which they are shown.
func Definitions() []Definition { return slices.Clone(definitions) }

func defined(key string) *Definition {
	i := slices.IndexFunc(definitions, func(d Definition) bool { return d.Key == key })
	if i < 0 {
		return nil
	}
	return &definitions[i]
}

// value is a value as written, of the type that the kind has in a file, as it is put
// into Settings; or what is wrong with it, with the number of a list's entry.
func (d *Definition) value(written any, system pathSystem) (value any, entry int, wrong tomlfile.Message) {
	switch v := written.(type) {
	case []string:
		for i, text := range v {
			if wrong := d.wrongText(text, system); wrong != nil {
				return nil, i, wrong
			}
		}
		return v, 0, nil
	case int:
		if int64(v) < d.Least || int64(v) > d.Most {
			return nil, 0, tomlfile.Say("settings.number", v, tomlfile.Say(d.Bounds))
		}
		return v, 0, nil
	case string:
		if d.Kind == KindDuration {
			span, err := time.ParseDuration(v)
			if err != nil || int64(span) < d.Least || int64(span) > d.Most {
				return nil, 0, d.wrong(v)
			}
			return span, 0, nil
		}
		if v == d.Default { // which may be written too
			return v, 0, nil
		}
		return v, 0, d.wrongText(v, system)
	}
	return written, 0, nil
}

// wrong says that a value is out of its bounds.
func (d *Definition) wrong(value string) tomlfile.Message {
	return tomlfile.Say("settings.value", value, tomlfile.Say(d.Bounds))
}

// wrongText is what is wrong with a text or an entry of a list, nil for nothing.
func (d *Definition) wrongText(text string, system pathSystem) tomlfile.Message {
	switch d.Kind {
	case KindText:
		if !slices.Contains(d.Values, text) {
			return d.wrong(text)
		}
	case KindPath, KindPaths:
		// A relative path would begin in the folder where the agent happens to be
		// started, which someone else may have prepared.
		if !system.absolute(text) {
			return d.wrong(text)
		}
	case KindOrigins:
		if _, err := parsePattern(text); err != nil {
			return wrongOrigin(text, err)
		}
	}
	return nil
}

func (d *Definition) get(s *Settings) any {
	switch p := d.in(s).(type) {
	case *string:
		return *p
	case *[]string:
		return *p
	case *int:
		return *p
	case *bool:
		return *p
	case *time.Duration:
		return *p
	}
	panic("policy: " + d.Key + " has no type")
}

func (d *Definition) put(s *Settings, value any) {
	switch p := d.in(s).(type) {
	case *string:
		*p = value.(string)
	case *[]string:
		*p = value.([]string)
	case *int:
		*p = value.(int)
	case *bool:
		*p = value.(bool)
	case *time.Duration:
		*p = value.(time.Duration)
	}
}
