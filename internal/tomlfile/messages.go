package tomlfile

import (
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/lazyregexp"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// Message is what is wrong, in each language.
type Message func(texts.Catalogue) string

// Say is the message of a text with its values. A value that is a Message is put in in
// the language of the whole.
func Say(key texts.Key, values ...any) Message {
	return func(c texts.Catalogue) string {
		filled := make([]any, len(values))
		for i, v := range values {
			if m, is := v.(Message); is {
				v = m(c)
			}
			filled[i] = v
		}
		return c.Text(key, filled...)
	}
}

// New is an error of a file, and where they are known of a line and a key.
func New(file string, line int, key string, say Message) *Error {
	return &Error{File: file, Line: line, Key: key, Text: say(texts.In(language.English)), say: say}
}

// mistyped is the library's message for a value of the wrong type, which names
// our own structures.
var mistyped = lazyregexp.New(`(?s)^cannot decode TOML (.+?) into .* of type (.+)$`)

// kinds are the library's messages for what people do who write settings, by their
// beginnings.
var kinds = []struct {
	begins string
	say    texts.Key
}{
	{"cannot store a table in ", "settings.no_table"},
	{"cannot store an array table in ", "settings.one_table"},
	{"decimal number is too large", "settings.too_large"},
	{"expected value", "settings.no_value"},
	{"expected '=' after key", "settings.no_equals"},
	{"expected keyword", "settings.no_quotes"},
	{"basic strings cannot have new lines", "settings.open_quote"},
	{"literal strings cannot have new lines", "settings.open_quote"},
	{"unterminated basic string", "settings.open_quote"},
	{"unterminated literal string", "settings.open_quote"},
	{"array is incomplete", "settings.open_list"},
	{"expected ']' to close table name", "settings.open_table"},
}

// twice is its message for what stands in a file a second time.
var twice = lazyregexp.New(`^(key|table|array table) .* already (defined|exists)`)

// reworded is the library's message for people who write settings. What it says in
// English stands in brackets where there is no text of ours for it.
func reworded(text string) Message {
	if m := mistyped.FindStringSubmatch(text); m != nil {
		return Say("settings.kind", wanted(m[2]), written(m[1]))
	}
	for _, k := range kinds {
		if strings.HasPrefix(text, k.begins) {
			return Say(k.say)
		}
	}
	if twice.MatchString(text) {
		return Say("settings.twice")
	}
	return Say("settings.syntax", printable(text, mostText))
}

// written is a value's type in TOML.
func written(kind string) Message {
	switch kind {
	case "string":
		return Say("settings.written_text")
	case "integer":
		return Say("settings.written_number")
	case "float":
		return Say("settings.written_fraction")
	case "boolean":
		return Say("settings.written_switch")
	case "array":
		return Say("settings.written_list")
	case "table":
		return Say("settings.written_table")
	case "inline table":
		return Say("settings.written_inline")
	}
	return Say("settings.written_other", printable(kind, mostKey))
}

// wanted describes a Go type for people who write settings.
func wanted(kind string) Message {
	switch {
	case kind == "bool":
		return Say("settings.wanted_switch")
	case kind == "int", kind == "int64":
		return Say("settings.wanted_number")
	case kind == "string":
		return Say("settings.wanted_text")
	case kind == "[]string":
		return Say("settings.wanted_list")
	case strings.HasPrefix(kind, "struct"), strings.HasPrefix(kind, "map"):
		return Say("settings.wanted_table")
	}
	return Say("settings.wanted_other")
}
