package settings

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/cpx-bridge/cpx-bridge/internal/textfile"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

// Duration is written as "15m".
type Duration time.Duration

// errDuration says how a duration is written.
var errDuration = errors.New(`must be a duration in quotes with its unit, such as "30s", "15m" or "10h"`)

// UnmarshalText reads a duration that is more than zero.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	switch {
	case err != nil:
		return errDuration
	case parsed <= 0:
		return errors.New("must be more than zero")
	}
	*d = Duration(parsed)
	return nil
}

// durations refuses what is no duration where one belongs; a bare number too, which the
// library would take for nanoseconds.
func (s *Settings) durations(content []byte) error {
	text, _ := textfile.Read(content)
	var raw map[string]any
	if err := toml.Unmarshal(text, &raw); err != nil {
		return nil // which reading it says better
	}
	s.lines = tomlfile.KeyLines(content)
	for _, key := range durationKeys("", reflect.TypeOf(*s)) {
		var value any = raw
		for name := range strings.SplitSeq(key, ".") {
			table, _ := value.(map[string]any)
			value = table[name]
		}
		text, is := value.(string)
		switch {
		case value == nil:
			continue
		case !is:
			return s.Err(key, errDuration.Error())
		}
		if err := new(Duration).UnmarshalText([]byte(text)); err != nil { // of which the library would make a sentence of its own
			const most = 40 // characters of what somebody meant as one
			if len(text) > most {
				return s.Err(key, err.Error())
			}
			return s.Err(key, fmt.Sprintf("%q %v", text, err))
		}
	}
	return nil
}

// durationKeys are the keys of the settings that are durations. None is in an array of
// tables.
func durationKeys(prefix string, of reflect.Type) (keys []string) {
	for _, f := range reflect.VisibleFields(of) {
		name := f.Tag.Get("toml")
		switch {
		case name == "":
		case f.Type == reflect.TypeFor[Duration]():
			keys = append(keys, prefix+name)
		case f.Type.Kind() == reflect.Struct:
			keys = append(keys, durationKeys(prefix+name+".", f.Type)...)
		}
	}
	return keys
}
