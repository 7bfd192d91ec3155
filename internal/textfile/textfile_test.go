package textfile

import (
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	for file, want := range map[string]struct {
		text string
		is   Encoding
	}{
		"":                               {"", UTF8},
		"a":                              {"a", UTF8},
		"\xef\xbb\xbf":                   {"", UTF8},
		"\xef\xbb\xbfé\r\n":              {"é\r\n", UTF8},
		"\xef\xbb":                       {"\xef\xbb", UTF8},
		"\xe9\n":                         {"\xe9\n", UTF8},
		"\xff\xfe":                       {"\xff\xfe", UTF16},
		"\xfe\xff\x00a":                  {"\xfe\xff\x00a", UTF16},
		"a\x00=\x00\x20\x1c":             {"a\x00=\x00\x20\x1c", UTF16},
		"\x00a\x00=\x00":                 {"\x00a\x00=\x00", UTF16},
		"\xff\xfe\x00\x00a\x00\x00\x00":  {"\xff\xfe\x00\x00a\x00\x00\x00", UTF32},
		"\x00\x00\xfe\xff\x00\x00\x00a":  {"\x00\x00\xfe\xff\x00\x00\x00a", UTF32},
		strings.Repeat("\x00", 64):       {strings.Repeat("\x00", 64), UTF8},
		"lang = \"fr\"\n\x00\x00\x00":    {"lang = \"fr\"\n\x00\x00\x00", UTF8},
		"lang = \"f\x00r\" # not UTF-16": {"lang = \"f\x00r\" # not UTF-16", UTF8},
	} {
		if text, is := Read([]byte(file)); string(text) != want.text || is != want.is {
			t.Errorf("%q: %q, %s, want %q, %s", file, text, is, want.text, want.is)
		}
	}
}
