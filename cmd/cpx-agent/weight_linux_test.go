package main

import (
	"debug/elf"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// unlinked are packages that this program must not be linked with, and why.
var unlinked = map[string]string{
	"net/http/httptest": "it is for tests",
	"testing":           "it is for tests",
	"net/http/pprof":    "it would answer to whoever asks",
	"expvar":            "it would answer to whoever asks",
	"html/template":     "it keeps the linker from leaving methods out that nobody calls, a seventh of the program",
	"database/sql":      "there is no database on a workstation",
	"go/parser":         "it is for programs about programs",
}

// only are packages that may come with one other alone, as far as the linker leaves out most
// of them: text/template calls methods by their names, so that every method would stay.
var only = map[string]string{"text/template": "github.com/spf13/cobra"}

// TestUnlinkedPackages: what the program is made of.
func TestUnlinkedPackages(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	imported := map[string][]string{} // by whom
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		for _, p := range fields[1:] {
			imported[p] = append(imported[p], fields[0])
		}
	}
	if len(imported["net/http"]) == 0 {
		t.Fatal("the program imports no net/http: this test sees nothing")
	}
	for p, why := range unlinked {
		if by := imported[p]; by != nil {
			t.Errorf("%s is linked, by %v: %s", p, by, why)
		}
	}
	for p, by := range only {
		if got := imported[p]; !slices.Equal(got, []string{by}) {
			t.Errorf("%s is linked by %v, not by %s alone", p, got, by)
		}
	}
}

// ofTheSystem are the libraries that every program has.
var ofTheSystem = regexp.MustCompile(`^(ld-linux|libc|libdl|libm|libpthread|libresolv|libgcc_s)[-.]`)

// TestUnlinkedLibraries: the toolkit's libraries are loaded where they are needed and nowhere
// else, by package gtk.
func TestUnlinkedLibraries(t *testing.T) {
	self, err := elf.Open("/proc/self/exe") // this program with its tests
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	libraries, err := self.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	if len(libraries) == 0 {
		t.Error("not even the C library: this test sees nothing")
	}
	for _, l := range libraries {
		if !ofTheSystem.MatchString(l) {
			t.Errorf("%s is linked: is the function that is called here named in internal/gtk/functions_linux.h?", l)
		}
	}
}
