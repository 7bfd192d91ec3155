package browserlab

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// programs builds the programs, and returns their folder.
func programs(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin+"/", "./cmd/...", "./internal/lab/autopin")
	build.Dir = filepath.Join("..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// The most important cells, in a short time; `make browsers` plays all.
func TestBrowsers(t *testing.T) {
	bin := programs(t)
	// Sockets have short names, shorter than a test's own folder may be.
	dir, err := os.MkdirTemp("", "cpxb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	var rows []Row
	_, err = Run(t.Context(), Options{Dir: dir, Bin: bin, Pictures: t.TempDir(), Quick: true, Done: func(r Row) {
		if errors.Is(r.Err, ErrNoNamespace) && os.Geteuid() != 0 {
			t.Logf("%s, %s: %v", r.Case, r.Browser, r.Err)
			return
		}
		rows = append(rows, r)
	}})
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	bad, err := Table(&table, rows)
	if bad > 0 || err != nil || len(rows) == 0 {
		t.Errorf("%v\n%s", err, table.String())
	}
}

// The file of expectations has every case and no other, each with a source, and
// its exceptions name existing browsers.
func TestExpectations(t *testing.T) {
	all, err := expected()
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range []string{"fr", "en"} {
		name := overdueIn(lang)
		if all[name].Asks == "" {
			t.Errorf("%s: no sentence", name)
		}
		delete(all, name)
	}
	for _, c := range cases() {
		e, ok := all[c.name]
		if !ok {
			t.Errorf("%s: nothing is expected", c.name)
		}
		delete(all, c.name)
		known := 0
		for _, b := range Browsers {
			if _, ok := e.Except[b]; ok {
				known++
			}
			if cell := e.of(b); cell.Is == "" || cell.Source == "" || cell.Says == "" && !cell.notApplicable() {
				t.Errorf("%s, %s: %+v", c.name, b, cell)
			}
		}
		if known != len(e.Except) {
			t.Errorf("%s: an unknown browser among %v", c.name, e.Except)
		}
	}
	for name := range all {
		t.Errorf("%s is expected but is not a case", name)
	}
}

// The expected texts are texts of the product, so that a change of one is noticed
// before the whole table is played: the quick cells are in French only.
func TestExpectedTexts(t *testing.T) {
	var shown strings.Builder
	for _, name := range []string{"js/src/lang-fr.ts", "js/src/lang-en.ts", "internal/texts/portal.toml"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		shown.Write(text)
	}
	all, err := expected()
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range all {
		for _, browser := range Browsers {
			cell := e.of(browser)
			for _, text := range append([]string{cell.Says, cell.Asks}, cell.Causes...) {
				if !strings.Contains(shown.String(), text) {
					t.Errorf("%s, %s: nothing says %q", name, browser, text)
				}
			}
		}
	}
}

// A cell in which anything that the person reads differs is a failure.
func TestRowsThatDiffer(t *testing.T) {
	want := Cell{Is: "no_agent", Says: "title", Help: "help", Asks: "answer", Causes: []string{"one", "two"}, Link: "more: /a", Source: "TEST"}
	good := Row{Is: "no_agent", Says: "title", Help: "help", Asks: "answer", Causes: []string{"one", "two"}, Link: "more: /a", Want: want, Overdue: "late"}
	for what, change := range map[string]func(*Row){
		"outcome":           func(r *Row) { r.Is = "logged in" },
		"sentence":          func(r *Row) { r.Says = "another" },
		"help":              func(r *Row) { r.Help = "" },
		"causes":            func(r *Row) { r.Causes = r.Causes[:1] },
		"link":              func(r *Row) { r.Link = "" },
		"asked twice":       func(r *Row) { r.Twice = true },
		"asked, other":      func(r *Row) { r.Asks = "another" },
		"told early":        func(r *Row) { r.Asks = r.Says },
		"not asked":         func(r *Row) { r.Asks = "" },
		"asked, unforeseen": func(r *Row) { r.Want.Asks, r.Asks = "", "late" },
		"no source":         func(r *Row) { r.Want.Source = "" },
		"not played":        func(r *Row) { r.Err = errNot },
	} {
		r := good
		change(&r)
		var table bytes.Buffer
		if bad, err := Table(&table, []Row{good, r}); bad != 1 || err != nil {
			t.Errorf("%s: %d bad, %v\n%s", what, bad, err, table.String())
		}
	}
	early := good
	early.Want.Early, early.Asks = true, early.Says
	if !early.Good() {
		t.Error("an end that comes while the browser asks fails")
	}
	slow := good
	slow.Asks = slow.Overdue
	if !slow.Good() {
		t.Error("a slow machine fails")
	}
}
