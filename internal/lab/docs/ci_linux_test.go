package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestContinuousIntegration runs .ci/run with a make that does nothing, or fails
// where it is told to: what it calls, in which order, and what it says last.
func TestContinuousIntegration(t *testing.T) {
	const good, bad = ` good after 0 min 0\d s`, ` FAILED with status 2 after 0 min 0\d s`
	for name, c := range map[string]struct {
		fail string // the target that fails
		last string
	}{
		"all good": {"none", `== 5 of 5 targets good, in 0 min 0\d s: make test` + good + `; make conformance` + good +
			`; make faults ROUNDS=2` + good + `; make endurance` + good + `; make browsers` + good + `\.`},
		"a table fails": {"conformance", `== 4 of 5 targets good, in 0 min 0\d s: make test` + good + `; make conformance` + bad +
			`; make faults ROUNDS=2` + good + `; make endurance` + good + `; make browsers` + good + `\.`},
		"the last fails": {"browsers", `== 4 of 5 targets good, in 0 min 0\d s: make test` + good + `; make conformance` + good +
			`; make faults ROUNDS=2` + good + `; make endurance` + good + `; make browsers` + bad + `\.`},
	} {
		t.Run(name, func(t *testing.T) {
			bin := t.TempDir()
			script := "#!/bin/sh\n[ \"$CI\" ] || exit 3\n[ \"$1\" != \"$FAIL\" ] || exit 2\n"
			if err := os.WriteFile(filepath.Join(bin, "make"), []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(filepath.Join(root, ".ci", "run"))
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "FAIL="+c.fail, "CI=")
			out, err := cmd.CombinedOutput()
			if (err != nil) != (c.fail != "none") {
				t.Errorf("status: %v", err)
			}
			want := regexp.MustCompile(`^== make test\n== make conformance\n== make faults ROUNDS=2\n== make endurance\n== make browsers\n` + c.last + `\n$`)
			if !want.Match(out) {
				t.Errorf("%s\nwant %s", out, want)
			}
		})
	}
}
