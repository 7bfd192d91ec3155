package tomlfile

import (
	"bytes"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/textfile"
)

// settings are some settings, with one of each kind.
type settings struct {
	Flag   *bool     `toml:"flag"`
	Number *int      `toml:"number"`
	Text   *string   `toml:"text"`
	List   *[]string `toml:"list"`
	Part   struct {
		Flag *bool             `toml:"flag"`
		Map  map[string]string `toml:"map"`
	} `toml:"part"`
	Group []struct {
		Name string `toml:"name"`
	} `toml:"group"`
}

// known are their keys; below part.map any name may stand.
var known = regexp.MustCompile(`^(flag|number|text|list|part(\.flag|\.map(\..*)?)?|group(\.name)?)$`)

// ours are names of our own structures, which mean nothing to people who write settings.
var ours = regexp.MustCompile(`struct \{|\*bool|toml:|\[\]string|tomlfile\.|int64|-bit`)

// FuzzDecode: a file that is taken has none but the keys that are known, letter by
// letter, each with its line, and another reader sees the same values; what is wrong
// with any other is said by file and line, in both languages, in few words.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("flag = true\nnumber = 1\ntext = \"é\"\nlist = [\"a\"]\n[part]\nflag = false\nmap = {a = \"b\"}\n[[group]]\nname = \"x\"\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		var v settings
		var lines Lines
		var err error
		if spent := fuzzing.Spent(func() { lines, err = Decode("f", content, &v) }); spent > fuzzing.Air+3000*uint64(len(content)) {
			t.Errorf("%d bytes for a file of %d", spent, len(content))
		}
		text, is := textfile.Read(content)
		last := 1 + bytes.Count(text, []byte("\n"))
		if err != nil {
			checkMessage(t, err, last)
			return
		}
		if is != textfile.UTF8 {
			t.Fatalf("taken as %s", is)
		}
		var whole map[string]any
		var other settings
		if err := errors.Join(toml.Unmarshal(text, &whole), toml.Unmarshal(text, &other)); err != nil || !reflect.DeepEqual(v, other) {
			t.Errorf("taken as %+v; another reader: %+v, %v", v, other, err)
		}
		for key := range keysOf("", whole) {
			if !known.MatchString(key) {
				t.Errorf("the key %q is taken", key)
			}
			if line, found := lines[key]; !found || line < 1 || line > last {
				t.Errorf("the key %q: line %d, %v, of %d", key, line, found, last)
			}
		}
	})
}

// checkMessage checks that an error is for people.
func checkMessage(t *testing.T, err error, last int) {
	var e *Error
	if !errors.As(err, &e) || e.File != "f" || e.Line < 0 || e.Line > last || ours.MatchString(e.Error()) {
		t.Fatalf("%v", err)
	}
	for _, lang := range []string{language.French, language.English} {
		if text := e.In(lang); len(text) > 1000 || !strings.HasPrefix(text, "f:") || strings.ContainsAny(text, "\x00\n\r\x1b") {
			t.Errorf("%q", text)
		}
	}
}

// keysOf are the dotted keys of a table and of those below it.
func keysOf(prefix string, table map[string]any) map[string]bool {
	keys := map[string]bool{}
	add := func(more map[string]bool) {
		for key := range more {
			keys[key] = true
		}
	}
	for name, value := range table {
		keys[prefix+name] = true
		switch x := value.(type) {
		case map[string]any:
			add(keysOf(prefix+name+".", x))
		case []any:
			for _, e := range x {
				if inner, ok := e.(map[string]any); ok {
					add(keysOf(prefix+name+".", inner))
				}
			}
		}
	}
	return keys
}
