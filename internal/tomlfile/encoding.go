package tomlfile

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cpx-bridge/cpx-bridge/internal/textfile"
)

// decoded returns the text of a file without a byte order mark. What is not UTF-8 is
// an error that says how to save the file: the library's would name a byte.
func decoded(path string, file []byte) ([]byte, *Error) {
	text, is := textfile.Read(file)
	if is != textfile.UTF8 {
		return nil, New(path, 0, "", Say("settings.encoding", is))
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return nil, New(path, lineAt(text, i), "", Say("settings.nul"))
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return nil, New(path, lineAt(text, i), "", Say("settings.not_utf8"))
		}
		i += size
	}
	return text, nil
}

func lineAt(text []byte, offset int) int { return 1 + bytes.Count(text[:offset], []byte("\n")) }

// unseen explains a line that is not TOML by what a person does not see in it; nil
// where that is not why.
func unseen(path string, text []byte, row int, message string) *Error {
	if i := loneReturn(text); i >= 0 && lineAt(text, i) <= row {
		return New(path, lineAt(text, i), "", Say("settings.carriage_return"))
	}
	lines := bytes.Split(text, []byte("\n"))
	if row < 1 || row > len(lines) {
		return nil
	}
	for _, r := range outside(string(lines[row-1])) {
		switch {
		case r > unicode.MaxASCII && (unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)):
			code := fmt.Sprintf("%U", r)
			return New(path, row, "", Say("settings.invisible", code))
		case unicode.Is(unicode.Pi, r), unicode.Is(unicode.Pf, r), unicode.Is(unicode.Ps, r) && r > unicode.MaxASCII:
			return New(path, row, "", Say("settings.quotes", string(r)))
		}
	}
	if strings.Contains(message, "escape") {
		return New(path, row, "", Say("settings.backslash"))
	}
	return nil
}

// loneReturn is the offset of the first carriage return without a line feed, or -1.
func loneReturn(text []byte) int {
	for i, b := range text {
		if b == '\r' && (i+1 == len(text) || text[i+1] != '\n') {
			return i
		}
	}
	return -1
}

// outside is what of a line stands outside straight quotes and comments, where only
// TOML's own characters may be. Typographic quotes are told before spaces that stand
// within them.
func outside(line string) (rest []rune) {
	quote := rune(0)
	for _, r := range line {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '#':
			return rest
		case r == '"', r == '\'':
			quote = r
		default:
			rest = append(rest, r)
		}
	}
	return rest
}
