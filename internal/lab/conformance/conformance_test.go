package conformance

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

func TestMain(m *testing.M) {
	pkcs11.RunChildRole()
	Isolate()
	// The race detector sleeps for a second at each process's end.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// Every cell of every module installed here is as expected.toml states; in short
// mode, of the two most used modules only. `make conformance` plays all.
func TestConformance(t *testing.T) {
	only := []string{""}
	if testing.Short() {
		only = []string{"softhsm", "opensc cps3"}
	}
	var results []Result
	for _, module := range only {
		some, _, err := Run(t.Context(), t.TempDir(), module)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, some...)
	}
	var table bytes.Buffer
	bad, err := Table(&table, results, nil)
	if bad > 0 || err != nil || len(results) == 0 {
		t.Errorf("%v\n%s", err, table.String())
	}
}

// Of the modules that Debian has, none may be missing.
func TestModulesAreHere(t *testing.T) {
	for _, m := range modules() {
		if m.root != "" {
			continue // its own root brings it
		}
		why := m.missing()
		if why != "" && !strings.HasPrefix(m.name, "vendor") && (m.name != "opencryptoki" || os.Getenv(isolatedVariable) != "") {
			t.Errorf("%s: %s", m.name, why)
		}
	}
}

// The file of expectations has every case and no other, each with a source, and
// its exceptions name existing modules or groups of them.
func TestExpectations(t *testing.T) {
	all, err := expected()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range modules() {
		names[m.name] = true
		for _, group := range m.groups {
			names[group] = true
		}
	}
	for _, c := range allCases() {
		e, ok := all[c.name]
		if !ok || e.Is == "" || e.Source == "" {
			t.Errorf("%s: %+v", c.name, e.cell)
		}
		delete(all, c.name)
		for module, cell := range e.Except {
			if cell.Is == "" || cell.Source == "" || !names[module] {
				t.Errorf("%s, %s: %+v", c.name, module, cell)
			}
		}
	}
	for name := range all {
		t.Errorf("%s is expected but is not a case", name)
	}
}

// Of several exceptions the narrowest holds: the column's own, then its groups in
// their order, then what holds for all.
func TestNarrowestExpectation(t *testing.T) {
	e := expectation{cell{Is: "all"}, map[string]cell{"opensc cps3": {Is: "own"}, "vendor": {Is: "first"}, "cps": {Is: "second"}}}
	for want, m := range map[string]module{
		"own":    {name: "opensc cps3", groups: []string{"opensc", "cps"}},
		"first":  {name: "vendor cps4", groups: []string{"vendor", "cps"}},
		"second": {name: "another", groups: []string{"opensc", "cps"}},
		"all":    {name: "softhsm", groups: []string{"software"}},
	} {
		if got := e.of(m).Is; got != want {
			t.Errorf("%s: %s, want %s", m.name, got, want)
		}
	}
}
