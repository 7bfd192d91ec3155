package tomlfile

import (
	"errors"
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
	}
}
