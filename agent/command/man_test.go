package command

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

var update = flag.Bool("update", false, "write the files under packaging/ anew")

// TestManPage: the pages that packages install have the texts of the help.
func TestManPage(t *testing.T) {
	for path, lang := range map[string]string{"man1": language.English, "fr/man1": language.French} {
		path = filepath.Join("../../packaging/linux/man", path, "cpx-agent.1")
		want := ManPage(lang)
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s differs from the help (go test ./agent/command -run TestManPage -update): %v", path, err)
		}
	}
}

// TestManPageHolds checks that the page has all commands and options, and that
// none of their texts is read as a request.
func TestManPageHolds(t *testing.T) {
	text := ManPage(language.English)
	s := &invocation{Catalogue: texts.In(language.English)}
	root := s.commands()
	translate(root, s.Catalogue)
	for _, c := range usable(root) {
		if !strings.Contains(text, troff(usageLine(c))) {
			t.Errorf("%s is missing", c.CommandPath())
		}
		for _, o := range options(c) {
			if name, _, _ := strings.Cut(o.form, " "); !strings.Contains(text, troff(name)) {
				t.Errorf("%s of %s is missing", name, c.CommandPath())
			}
		}
	}
	for _, line := range strings.Split(text, "\n") {
		request, _, _ := strings.Cut(line, " ")
		if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !strings.Contains(` .\" .TH .SH .SS .TP .PP .nf .fi `, " "+request+" ") {
			t.Errorf("a request: %s", line)
		}
	}
	for text, want := range map[string]string{".TH": `\&.TH`, "--json": `\-\-json`, `a\b`: `a\eb`, "'x": `\(aqx`} {
		if got := troff(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
