package need

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// outcome is of a test that notes how it was ended.
type outcome struct {
	testing.TB
	failed, skipped string
}

func (e *outcome) Helper()                        {}
func (e *outcome) Fatalf(format string, a ...any) { e.failed = format; panic(e) }
func (e *outcome) Skip(a ...any)                  { e.skipped = a[0].(string); panic(e) }

func ended(t *testing.T, f func(t testing.TB)) *outcome {
	e := &outcome{TB: t}
	func() {
		defer func() { _ = recover() }()
		f(e)
	}()
	return e
}

// TestNeeds: what is missing fails a test. Where nothing is to be needed, it is skipped, also
// on a machine that has it.
func TestNeeds(t *testing.T) {
	here := filepath.Join(t.TempDir(), "here")
	if err := os.WriteFile(here, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(here))
	for name, f := range map[string]func(t testing.TB){
		"there": func(t testing.TB) { Program(t, "there") }, here + "2": func(t testing.TB) { File(t, here+"2") }, "a bus": func(t testing.TB) { Lacks(t, "a bus") },
	} {
		t.Setenv(variable, "")
		if e := ended(t, f); e.skipped != "" || !strings.Contains(e.failed, "scripts/setup test") {
			t.Errorf("%s: %+v", name, e)
		}
		t.Setenv(variable, none)
		e := ended(t, f)
		if what, needed := Needed(e.skipped); e.failed != "" || !needed || what != name {
			t.Errorf("%s: %+v", name, e)
		}
	}
	both := func(t testing.TB) { Program(t, "here"); File(t, here) }
	if e := ended(t, both); e.skipped != "needs here" {
		t.Errorf("%+v", e)
	}
	t.Setenv(variable, "")
	if e := ended(t, both); e.failed+e.skipped != "" {
		t.Errorf("%+v", e)
	}
	if _, needed := Needed("only root can"); needed {
		t.Error("another reason counts as a need")
	}
}
