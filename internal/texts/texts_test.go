package texts

import (
	"io/fs"
	"strings"
	"testing"
)

// all is the whole catalogue.
func all(t *testing.T) section {
	t.Helper()
	list, err := fs.Glob(files, "*.toml")
	if err != nil || len(list) == 0 {
		t.Fatalf("%v %v", list, err)
	}
	all := section{}
	for _, file := range list {
		texts, err := read(file)
		if err != nil {
			t.Error(err)
		}
		for key, text := range texts {
			if !strings.HasPrefix(string(key), strings.TrimSuffix(file, "toml")) {
				t.Errorf("%s holds %s, which belongs in another file", file, key)
			}
			all[key] = text
		}
	}
	return all
}

// played is a well-formed file, which replaces a section during a test.
const played = `
[played.hello]
fr = "Bonjour, %s"
en = "Hello, %s"

[played.cards]
fr = { one = "%d carte dans %s", other = "%d cartes dans %s" }
en = { one = "%d card in %s", other = "%d cards in %s" }

[played.reason.not_pkcs11]
fr = "aucun module"
en = "no module"
`

func play(t *testing.T) {
	t.Helper()
	texts, err := parse([]byte(played))
	if err != nil {
		t.Fatal(err)
	}
	sections["played"] = func() section { return texts }
	t.Cleanup(func() { delete(sections, "played") })
}

func TestText(t *testing.T) {
	play(t)
	for _, c := range []struct{ got, want string }{
		{In("fr").Text("played.hello", "Anne"), "Bonjour, Anne"},
		{In("en").Text("played.hello", "Anne"), "Hello, Anne"},
		{In("de").Text("played.hello", "Anne"), "Bonjour, Anne"},
		{Catalogue{}.Text("played.hello", "Anne"), "Bonjour, Anne"},
		{In("fr").Text("played.reason.not_pkcs11"), "aucun module"},
		{In("fr").Plural("played.cards", 0, "A"), "0 carte dans A"},
		{In("en").Plural("played.cards", 0, "A"), "0 cards in A"},
		{In("fr").Plural("played.cards", 1, "A"), "1 carte dans A"},
		{In("en").Plural("played.cards", 1, "A"), "1 card in A"},
		{In("fr").Plural("played.cards", 2, "A"), "2 cartes dans A"},
		{In("en").Plural("played.cards", 21, "A"), "21 cards in A"},
		{In("en").Text("played.nothing", 1), "played.nothing"},
		{In("en").Text("nowhere.nothing"), "nowhere.nothing"},
		{In("en").Plural("played.nothing", 1), "played.nothing"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestCode(t *testing.T) {
	play(t)
	if text, ok := In("en").Code("played.reason", "not_pkcs11"); text != "no module" || !ok {
		t.Errorf("%q %v", text, ok)
	}
	for _, code := range []string{"", "another", "not_pkcs11.more", ".", "%s"} {
		if text, ok := In("en").Code("played.reason", code); text != "" || ok {
			t.Errorf("%q: %q %v", code, text, ok)
		}
	}
}

// TestParse: a malformed catalogue is refused, and the error names the key.
func TestParse(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"no TOML":              {"[a.b\n", "toml"},
		"twice":                {"[a.b]\nfr = 'x'\nen = 'x'\n[a.b]\nfr = 'y'\nen = 'y'", "exists"},
		"one language":         {"[a.b]\nfr = 'x'", "a.b"},
		"empty":                {"[a.b]\nfr = 'x'\nen = ''", "a.b: en"},
		"a third language":     {"[a.b]\nfr = 'x'\nen = 'x'\nde = 'x'", "a.b"},
		"a language elsewhere": {"[a.b]\nfr = 'x'\nde = 'x'", "a.b"},
		"no text":              {"[a.b]\nfr = 1\nen = 2", "a.b: fr"},
		"a value alone":        {"[a]\nb = 'x'", "a.b"},
		"no form for one":      {"[a.b]\nfr = {other = 'x'}\nen = {one = 'x', other = 'x'}", "a.b: fr"},
		"another form":         {"[a.b]\nfr = {one = 'x', other = 'x', many = 'x'}\nen = {one = 'x', other = 'x'}", "a.b: fr"},
		"forms in one":         {"[a.b]\nfr = {one = 'x', other = 'x'}\nen = 'x'", "a.b"},
	} {
		if _, err := parse([]byte(c.file)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// BenchmarkRead measures the first text of the largest file.
func BenchmarkRead(b *testing.B) {
	largest, size := "", int64(0)
	for name := range sections {
		if info, err := fs.Stat(files, name+".toml"); err == nil && info.Size() > size {
			largest, size = name+".toml", info.Size()
		}
	}
	b.SetBytes(size)
	for b.Loop() {
		if _, err := read(largest); err != nil {
			b.Fatal(err)
		}
	}
}
