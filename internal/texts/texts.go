// Package texts is the catalogue of all that people read, in French and English
// side by side: the files *.toml of this folder, one for each part of the
// program. (The forms of dates are in package language, the titles that cards
// carry in package cps.) A text is found by its key, whose first part is its file:
//
//	t := texts.In(lang)
//	t.Text("tray.ready", holder)  // a text; its verbs are those of package fmt
//	t.Plural("tray.more", n)      // a text that depends on a number
//	t.Code("card.pin", state)     // the text of a code, where it has one
//
// Write each key out where it is used, never build it: a test of this package
// reads the module's source, and finds missing keys, unused texts, and calls with
// too few or too many values.
//
// Everything here may be called concurrently. A file is read once, at the first
// use of one of its texts, so that a start costs nothing that nobody reads yet.
// The package never asks the settings or the desktop for the language, and never
// makes a value safe to show: that is for the caller that got it from outside.
package texts

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"golang.org/x/text/feature/plural"
	tag "golang.org/x/text/language"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

// Key names a text, or with [Catalogue.Code] a group of texts.
type Key string

// Catalogue is the texts in one language. The zero value is the French one.
type Catalogue struct{ lang int }

// The languages, in the order of the forms of a text.
const (
	french = iota
	english
	languages
)

var (
	names = [languages]string{language.French, language.English}
	tags  = [languages]tag.Tag{tag.French, tag.English}
)

// In returns the catalogue in one of the languages of package language, and the
// French one for any other.
func In(lang string) Catalogue {
	if lang == names[english] {
		return Catalogue{english}
	}
	return Catalogue{french}
}

// Text returns the text of a key with its values inserted, and for a key that is
// not in the catalogue the key itself: a person reads an odd word and can go on.
func (c Catalogue) Text(key Key, values ...any) string {
	text, ok := find(key)
	if !ok {
		return string(key)
	}
	return fill(text[c.lang].other, values)
}

// Plural returns the text for n things, in the language's form for n. The text's
// first value is n itself.
func (c Catalogue) Plural(key Key, n int, values ...any) string {
	text, ok := find(key)
	if !ok {
		return string(key)
	}
	format := text[c.lang].other
	if plural.Cardinal.MatchPlural(tags[c.lang], n, 0, 0, 0, 0) == plural.One {
		format = text[c.lang].one
	}
	return fill(format, append([]any{n}, values...))
}

// Code returns the text of a code, such as a reason or a state, from a group of
// the catalogue, and whether the group has one. All texts of a group take the same
// number of values.
func (c Catalogue) Code(group Key, code string, values ...any) (string, bool) {
	text, ok := find(group + "." + Key(code))
	if !ok {
		return "", false
	}
	return fill(text[c.lang].other, values), true
}

func fill(format string, values []any) string {
	if len(values) == 0 {
		return format
	}
	return fmt.Sprintf(format, values...)
}

//go:embed *.toml
var files embed.FS

// sections has, for each file by its name without the ending, a function that
// reads it once.
var sections = func() map[string]func() section {
	list, err := fs.Glob(files, "*.toml")
	if err != nil {
		panic(err)
	}
	sections := map[string]func() section{}
	for _, file := range list {
		sections[strings.TrimSuffix(file, ".toml")] = sync.OnceValue(func() section {
			texts, err := read(file)
			if err != nil {
				panic("texts: " + err.Error()) // only in a build that this package's tests have not checked
			}
			return texts
		})
	}
	return sections
}()

func find(key Key) (text, bool) {
	name, _, _ := strings.Cut(string(key), ".")
	section, ok := sections[name]
	if !ok {
		return text{}, false
	}
	text, ok := section()[key]
	return text, ok
}
