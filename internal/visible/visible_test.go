package visible

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain":       {"Dr TEST Éloïse D’ÉPREUVE", "Dr TEST Éloïse D’ÉPREUVE"},
		"lines":       {"a\r\nb\tc\x00d", "a��b�c�d"},
		"terminal":    {"a\x1b[2Kb\u009bc\x7fd", "a�[2Kb�c�d"},
		"direction":   {"a\u202eb\u2066c\u200ed\u061ce", "a�b�c�d�e"},
		"no width":    {"a\u200bb\u200dc\ufeffd\u00ade\u2060f", "a�b�c�d�e�f"},
		"fillers":     {"a\u3164b\u115fc\u2800d\ufe0fe\u034ff", "a�b�c�d�e�f"},
		"tags":        {"a\U000e0041b", "a�b"},
		"not UTF-8":   {"a\xffb", "a�b"},
		"accents":     {"e\u0301o\u0302\u0301 Z" + strings.Repeat("\u0301", 5) + "x", "e\u0301o\u0302\u0301 Z\u0301\u0301\u0301��x"},
		"enclosing":   {"a" + strings.Repeat("\u20dd", 4), "a\u20dd\u20dd\u20dd�"},
		"look-alikes": {"Аnnе", "Аnnе"}, // of Cyrillic
		"empty":       {"", ""},
	} {
		if got := Text(c.in); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestShort(t *testing.T) {
	if got := Short("Anne\u202eDURAND", 60); got != "Anne�DURAND" {
		t.Errorf("%q", got)
	}
	got := Short("début"+strings.Repeat("x", 4000)+"fin", 20)
	if utf8.RuneCountInString(got) != 20 || !strings.HasPrefix(got, "début") || !strings.HasSuffix(got, "xfin") {
		t.Errorf("%q", got)
	}
}

// Programs read from escaped JSON what they read from the JSON before.
func TestEscaped(t *testing.T) {
	for _, name := range []string{"Éloïse", "a\u202eb\u200d", "a\x7f\u0085\u2028", "Z" + strings.Repeat("\u0301", 200), "\U000e0041\U0001f600", "a\x00\n\"\\"} {
		before, err := json.MarshalIndent(map[string]string{"holder": name}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got := Escaped(string(before))
		var back map[string]string
		if err := json.Unmarshal([]byte(got), &back); err != nil || back["holder"] != name {
			t.Errorf("%q: %v, %q", name, err, back)
		}
		for line := range strings.Lines(got) {
			if line = strings.TrimSuffix(line, "\n"); Text(line) != line {
				t.Errorf("%q hides something", line)
			}
		}
	}
}
