package tomlfile

import (
	"errors"
	"maps"
	"regexp"
	"strings"
	"testing"
)

// TestMessages: the messages are for people who write settings, and name none of
// our own structures.
func TestMessages(t *testing.T) {
	type file struct {
		Flag   *bool     `toml:"flag"`
		Number *int      `toml:"number"`
		Text   *string   `toml:"text"`
		List   *[]string `toml:"list"`
		Part   struct {
			Flag *bool             `toml:"flag"`
			Map  map[string]string `toml:"map"`
		} `toml:"part"`
	}
	inside := regexp.MustCompile(`struct|\*bool|TOML|toml:|\[\]string|tomlfile\.|int64|-bit`)
	for text, want := range map[string]string{
		`flag = "x"`:                          "f:1: flag: must be true or false, without quotes, not text in quotes",
		`flag = 1`:                            "must be true or false, without quotes, not a number",
		`flag = {a = 1}`:                      "must be true or false, without quotes, not a table in { }",
		"\n[part]\nflag = \"yes\"":            "f:3: part.flag: must be true or false",
		`number = "x"`:                        "number: must be a whole number, without quotes, not text in quotes",
		`number = 1.5`:                        "not a number",
		`number = ` + strings.Repeat("9", 30): "number: this number is too large",
		`text = 1`:                            "text: must be text in quotes, not a number",
		`text = 2020-01-01`:                   "text: must be text in quotes, not a local date",
		`list = "x"`:                          `list: must be a list of texts, such as ["a", "b"], not text in quotes`,
		`list = ["a", 2]`:                     "list: must be text in quotes, not a number",
		`part = 1`:                            "part: must be a table in [ ], not a number",
		"[part]\nmap = 1":                     "part.map: must be a table in [ ]",
		"[flag]\nx = 1":                       "flag: must be a value, not a table in [ ]",
		"[[part]]\nflag = true":               "part: must be a table in [ ], not in [[ ]]",
		`flag`:                                "f:1: ",
		`colour = 1`:                          "f:1: colour: unknown key",
		"flag = true\nflag = true":            "f:2: flag: ",
	} {
		_, err := Decode("f", []byte(text), &file{})
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) || inside.MatchString(err.Error()) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
		if e.In("fr") == e.In("en") || e.In("en") != e.Error() {
			t.Errorf("%q in French: %s", text, e.In("fr"))
		}
	}
}

// TestExactKeys: a key in another letter case is another key, which nobody knows: taken
// for ours, it would count for a setting and not for one that the file sets.
func TestExactKeys(t *testing.T) {
	for text, want := range map[string]string{
		"Flag = true":                                      "f:1: Flag: unknown key",
		"flag = true\n\nFLAG = false":                      "f:3: FLAG: unknown key",
		"[Part]\nflag = true":                              "f:1: Part: unknown key",
		"[part]\nFlag = true":                              "f:2: part.Flag: unknown key",
		"part = {Flag = true}":                             "f:1: part.Flag: unknown key",
		"[[group]]\nname = \"a\"\n[[group]]\nNAME = \"b\"": "f:4: group.NAME: unknown key",
		"part.MAP = {}":                                    "f:1: part.MAP: unknown key",
	} {
		if _, err := Decode("f", []byte(text), &settings{}); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if _, err := Decode("f", []byte("[part.map]\nA = \"x\"\na = \"y\""), &settings{}); err != nil {
		t.Errorf("names of the person's own: %v", err)
	}
}

// TestLines: each key that a file sets has its line, however it is written.
func TestLines(t *testing.T) {
	for text, want := range map[string]Lines{
		"\npart = {flag = true, map = {a = \"b\"}}": {"part": 2, "part.flag": 2, "part.map": 2, "part.map.a": 2},
		"text = \"a\"\npart.flag = true":            {"text": 1, "part": 2, "part.flag": 2},
		"[part.map]\n\n\"a b\" = \"\"":              {"part": 1, "part.map": 1, "part.map.a b": 3},
		"group = [\n{},\n{name = \"a\"}]":           {"group": 1, "group.name": 3, "group[1]": 3, "group[1].name": 3},
		"[[group]]\n[[group]]\nname = \"a\"":        {"group": 1, "group.name": 3, "group[0]": 1, "group[1]": 2, "group[1].name": 3},
	} {
		if got, err := Decode("f", []byte(text), &settings{}); err != nil || !maps.Equal(got, want) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
}

// TestMessagesAreInert: what a message quotes of a file acts on no terminal, makes no
// line of its own and is short.
func TestMessagesAreInert(t *testing.T) {
	for text, want := range map[string]string{
		`"\u001b[31mred\u0007" = 1`:        `f:1: "\x1b[31mred\a": unknown key`,
		`"a\nERROR all is well" = 1`:       `f:1: "a\nERROR all is well": unknown key`,
		"[part]\n\"\\u202eabc\" = 1":       `f:2: part."\u202eabc": unknown key`,
		strings.Repeat("a", 1000) + " = 1": "f:1: " + strings.Repeat("a", 100) + "…: unknown key",
		"text = \"a\" \x1b[31m":            "",
	} {
		_, err := Decode("f", []byte(text), &settings{})
		if err == nil || want != "" && err.Error() != want || strings.ContainsAny(err.Error(), "\x1b\a\n\u202e") {
			t.Errorf("%q: %q, want %q", text, err, want)
		}
	}
}

// TestLinesOfTables: a key in one of several tables has its own line, however they are
// written.
func TestLinesOfTables(t *testing.T) {
	type file struct {
		Group []struct {
			Name string `toml:"name"`
			Part []struct {
				Flag bool `toml:"flag"`
			} `toml:"part"`
			One struct {
				Flag bool `toml:"flag"`
			} `toml:"one"`
		} `toml:"group"`
	}
	for text, want := range map[string]map[string]int{
		"[[group]]\nname = \"a\"\n[[group.part]]\nflag = true\n[[group]]\nname = \"b\"\n[group.one]\nflag = true\n[[group.part]]\n[[group.part]]\nflag = true\n": {
			"group": 1, "group.name": 2, "group[0]": 1, "group[0].name": 2, "group[0].part[0].flag": 4, "group[1]": 5, "group[1].name": 6,
			"group[1].one.flag": 8, "group[1].part[1].flag": 11, "group[1].part[0].flag": 0,
		},
		"group = [\n{ name = \"a\" },\n{ name = \"b\",\n part = [{ flag = true }] }]\n": {
			"group": 1, "group.name": 2, "group[0].name": 2, "group[1].name": 3, "group[1].part[0].flag": 4, "group[2].name": 0,
		},
	} {
		lines, err := Decode("f", []byte(text), &file{})
		if err != nil {
			t.Error(err)
		}
		for key, line := range want {
			if lines[key] != line {
				t.Errorf("%s: line %d, want %d of\n%s", key, lines[key], line, text)
			}
		}
	}
}
