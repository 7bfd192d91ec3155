// Package texts is the catalogue of all that people read, in French and English
// side by side: the files *.toml of this folder, one for each part of the
// program. (How a date is written is in package language; titles that cards carry
// are in package cps.) A text is called by its key, whose first part is its file:
//
//	t := texts.In(lang)
//	t.Text("tray.ready", holder)  // a text; its verbs are those of package fmt
//	t.Plural("tray.more", n)      // a text that depends on a number
//	t.Code("card.pin", state)     // the text of a code, where it has one
//
// A key is written out where it is used, never put together: the test of this
// package reads the module's source, and finds the keys that are missing, those
// that nothing uses, and calls with too few or too many values.
//
// Everything here may be called concurrently. A file is read once, when the first
// of its texts is asked for: a start does not wait for what nobody reads yet. The
// package never reads the settings or the desktop for the language, and never
// makes a value safe to show: whoever has it from outside does that.
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

// Catalogue is the texts in one language. Its zero value is in French.
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

// In is the catalogue in a language, one of those of package language; French
// for any other.
func In(lang string) Catalogue {
	if lang == names[english] {
		return Catalogue{english}
	}
	return Catalogue{french}
}

// Text is the text of a key with its values in place. A key that is not in the
// catalogue is shown as it is: a person reads an odd word, and can go on.
func (c Catalogue) Text(key Key, values ...any) string {
	text, ok := find(key)
	if !ok {
		return string(key)
	}
	return fill(text[c.lang].other, values)
}

// Plural is the text for n things, in the form that the language has for n. The
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

// Code is the text of a code, such as a reason or a state, in a group of the
// catalogue, "" where the group has none. It reports whether it has. All texts
// of a group take the same number of values.
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

// sections holds for each file, by its name without the ending, what reads it once.
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
				panic("texts: " + err.Error()) // a build that this package's test has not seen
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
