// Package tomlfile reads a TOML settings file, and reports whatever is wrong with
// it by file, line and key. Its functions may be called concurrently. They never
// accept an unknown key, and never replace a bad value by a default.
package tomlfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// Error is a setting that is refused.
type Error struct {
	File string
	Line int    // 0 where the error is about the whole file
	Key  string // dotted; "" where the file is not TOML
	Text string // in English

	say Message // the text in each language; nil where there is only Text
	err error   // the cause, or nil
}

// Refused is the error of a file that is not taken at all. say is the text in each
// language.
func Refused(file string, cause error, say Message) *Error {
	e := New(file, 0, "", say)
	e.err = cause
	return e
}

// Unwrap returns the cause, which may be nil.
func (e *Error) Unwrap() error { return e.err }

func (e *Error) Error() string { return e.where() + e.Text }

// In is the error in a person's language, as far as there is a text of it.
func (e *Error) In(lang string) string {
	if e.say == nil {
		return e.Error()
	}
	return e.where() + e.say(texts.In(lang))
}

func (e *Error) where() string {
	where := e.File
	if e.Line > 0 {
		where += fmt.Sprintf(":%d", e.Line)
	}
	if e.Key != "" {
		where += ": " + e.Key
	}
	return where + ": "
}

// Lines maps each key of a file, dotted, to its line: the first where there are several.
// Those of the second of several tables are in it with its number too: "group[1].name".
type Lines map[string]int

// Decode reads the content of the file at path into v. Errors are of type *Error.
func Decode(path string, content []byte, v any) (Lines, error) {
	text, unreadable := decoded(path, content)
	if unreadable != nil {
		return nil, unreadable
	}
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(v); err != nil {
		return nil, explained(path, text, err)
	}
	return exactLines(path, text, v)
}

// Text is the content of the file at path as TOML, whatever its keys: without the byte
// order mark that an editor may have written. Errors are of type *Error.
func Text(path string, content []byte) ([]byte, error) {
	text, unreadable := decoded(path, content)
	if unreadable != nil {
		return nil, unreadable
	}
	if err := toml.Unmarshal(text, &map[string]any{}); err != nil {
		return nil, explained(path, text, err)
	}
	return text, nil
}

// explained is the library's error as one of ours.
func explained(path string, text []byte, err error) *Error {
	var unknown *toml.StrictMissingError
	var bad *toml.DecodeError
	switch {
	case errors.As(err, &unknown) && len(unknown.Errors) > 0:
		row, _ := unknown.Errors[0].Position()
		return unknownKey(path, row, unknown.Errors[0].Key())
	case errors.As(err, &bad):
		row, _ := bad.Position()
		if e := unseen(path, text, row, bad.Error()); e != nil && !mistyped.MatchString(strings.TrimPrefix(bad.Error(), "toml: ")) {
			return e
		}
		return New(path, row, dotted(bad.Key()), reworded(strings.TrimPrefix(bad.Error(), "toml: ")))
	}
	return New(path, 0, "", reworded(err.Error()))
}
