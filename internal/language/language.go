// Package language decides in which of its languages the product addresses a
// person: it reads the languages that pages, browsers, settings and desktops name,
// and formats dates in ours.
//
// Tags are those of BCP 47, in which settings, pages and Accept-Language headers
// (RFC 9110, 12.5.4) name languages, or POSIX locales. They are matched as
// Unicode's CLDR does, by golang.org/x/text/language: a reader of Breton is
// answered in French, a reader of Welsh in English.
//
// All functions may be called concurrently. It never holds the texts themselves:
// those are in package texts.
package language

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// The languages, by their tags in settings, messages and files.
const (
	French  = "fr"
	English = "en"
)

// ours are the languages, by their index in the matcher, which few processes need.
var (
	ours    = []string{French, English}
	matcher = sync.OnceValue(func() language.Matcher {
		return language.NewMatcher([]language.Tag{language.French, language.English})
	})
)

// Known reports whether lang is one of the two constants.
func Known(lang string) bool { return slices.Contains(ours, lang) }

// maxTag is enough for every tag (RFC 5646, 4.4.1 asks for 35 characters).
const maxTag = 128

// Match returns our language for a reader of tag, "" where none serves. The tag
// may be a POSIX locale with its encoding, as in fr_FR.UTF-8 and fr_FR@euro.
func Match(tag string) string {
	if len(tag) > maxTag {
		tag = tag[:maxTag]
	}
	if i := strings.IndexAny(tag, ".@"); i >= 0 {
		tag = tag[:i]
	}
	parsed, _ := language.Parse(tag) // of a malformed tag, what could be read: fr of fr-?
	return match(parsed)
}

func match(tag language.Tag) string {
	_, i, confidence := matcher().Match(tag)
	if confidence == language.No {
		return ""
	}
	return ours[i]
}

// maxRanges is how many languages of a header are read; browsers send at most
// ten or so.
const maxRanges = 50

// Accept returns the one of our languages that an Accept-Language header prefers,
// "" where it names none. Malformed parts are skipped.
func Accept(header string) string {
	type weighed struct {
		tag    language.Tag
		weight float32
	}
	var all []weighed
	for i, item := range strings.SplitN(header, ",", maxRanges+1) {
		tags, weights, err := language.ParseAcceptLanguage(item)
		if err != nil || i == maxRanges {
			continue
		}
		for i, tag := range tags {
			if weights[i] <= 1 { // the library takes more, and no number at all
				all = append(all, weighed{tag, weights[i]})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b weighed) int { return cmp.Compare(b.weight, a.weight) })
	for _, w := range all {
		if lang := match(w.tag); lang != "" {
			return lang
		}
	}
	return ""
}

// Desktop returns the language of the person's desktop (POSIX, environment
// variables, 8.2; on Windows else the one that it speaks to the person): French where it
// names none, because most of the product's users read French, and English where it names
// one that is not ours.
func Desktop() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		value := os.Getenv(name)
		if value == "" || value == "C" || strings.HasPrefix(value, "C.") || value == "POSIX" {
			continue
		}
		return cmp.Or(Match(value), English)
	}
	if names := systemLanguages(); len(names) > 0 {
		return cmp.Or(Match(names[0]), English)
	}
	return French
}

// Or returns the language of the setting, else the desktop's.
func Or(setting string) string {
	if lang := Match(setting); lang != "" {
		return lang
	}
	return Desktop()
}
