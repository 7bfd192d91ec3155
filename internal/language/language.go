// Package language says in which of its languages the product speaks to a
// person: it reads what pages, browsers, settings and desktops say of languages,
// and knows how each of ours writes a date.
//
// Tags are those of BCP 47, in which settings, pages and Accept-Language headers
// (RFC 9110, 12.5.4) name languages, or POSIX locales. They are matched as
// Unicode's CLDR does, by golang.org/x/text/language: who reads Breton is
// answered in French, who reads Welsh in English.
//
// All functions may be called concurrently. The texts themselves are elsewhere.
package language

import (
	"cmp"
	"os"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// The languages, by the tags that stand in settings, messages and files.
const (
	French  = "fr"
	English = "en"
)

// ours are the languages by their place in the matcher.
var (
	ours    = []string{French, English}
	matcher = language.NewMatcher([]language.Tag{language.French, language.English})
)

// Known says whether lang is one of the two constants.
func Known(lang string) bool { return slices.Contains(ours, lang) }

// maxTag is enough for every tag (RFC 5646, 4.4.1 wants room for 35 characters).
const maxTag = 128

// Match is the language that serves who asks for tag, "" where none does. A tag
// may be followed by an encoding, as in fr_FR.UTF-8 and fr_FR@euro.
func Match(tag string) string {
	if len(tag) > maxTag {
		tag = tag[:maxTag]
	}
	if i := strings.IndexAny(tag, ".@"); i >= 0 {
		tag = tag[:i]
	}
	parsed, _ := language.Parse(tag) // of a bad tag, what could be read: fr of fr-?
	return match(parsed)
}

func match(tag language.Tag) string {
	_, i, confidence := matcher.Match(tag)
	if confidence == language.No {
		return ""
	}
	return ours[i]
}

// maxRanges is how many languages of a header are read; browsers send at most
// ten or so.
const maxRanges = 50

// Accept is the language of ours that an Accept-Language header likes best, ""
// where it names none of them. What is malformed in it is passed over.
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
			all = append(all, weighed{tag, weights[i]})
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

// Desktop is the language of the person's desktop (POSIX, environment
// variables, 8.2): French where it names none, for most who use the product read
// it, and English where it names one that we do not speak.
func Desktop() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		value := os.Getenv(name)
		if value == "" || value == "C" || strings.HasPrefix(value, "C.") || value == "POSIX" {
			continue
		}
		return cmp.Or(Match(value), English)
	}
	return French
}

// Or is the language of the setting, else the desktop's.
func Or(setting string) string {
	if lang := Match(setting); lang != "" {
		return lang
	}
	return Desktop()
}
