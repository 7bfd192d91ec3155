package house

import (
	"slices"
	"strings"
	"unicode"
)

// Readings are the words that an identifier or a file's name is made of, in
// small letters: "ReadHTTPPage_2" is read, http, page and 2. A run of capitals
// before small letters can be read in two ways, and both count: "PINPad" is pin
// and pad, and so is "PINpad", which is first read as pi and npad.
func Readings(name string) [][]string {
	usual, other := segments(name, lastBelongsToTheNext), segments(name, runIsAWord)
	if slices.Equal(usual, other) {
		return [][]string{usual}
	}
	return [][]string{usual, other}
}

// segments cuts a name where begins says so, and where it has no letter or digit.
func segments(name string, begins func(runes []rune, i int) bool) []string {
	var all []string
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		runes := []rune(part)
		from := 0
		for i := 1; i <= len(runes); i++ {
			if i == len(runes) || unicode.IsDigit(runes[i]) != unicode.IsDigit(runes[i-1]) || begins(runes, i) {
				all = append(all, strings.ToLower(string(runes[from:i])))
				from = i
			}
		}
	}
	return all
}

// lastBelongsToTheNext is the usual way: in HTTPPage the last capital begins a
// word.
func lastBelongsToTheNext(runes []rune, i int) bool {
	if !unicode.IsUpper(runes[i]) {
		return false
	}
	return !unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])
}

// runIsAWord is the other way: in PINpad the small letters begin one.
func runIsAWord(runes []rune, i int) bool {
	if unicode.IsUpper(runes[i]) {
		return !unicode.IsUpper(runes[i-1])
	}
	return i > 1 && unicode.IsLower(runes[i]) && unicode.IsUpper(runes[i-1]) && unicode.IsUpper(runes[i-2])
}
