package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestContinuousIntegration runs .ci/run with a make that does nothing, or fails
// where it is told to: what it calls, in which order, and what it says last.
func TestContinuousIntegration(t *testing.T) {
	targets := []string{"test", "conformance", "faults ROUNDS=2", "portal-cluster", "endurance", "browsers CELLS=rest", "attack", "supply SUPPLY_VULNERABILITIES=report"}
	for name, fail := range map[string]string{"all good": "", "a table fails": "conformance", "the last fails": "supply"} {
		t.Run(name, func(t *testing.T) {
			bin := t.TempDir()
			script := "#!/bin/sh\n[ \"$CI\" ] || exit 3\n[ \"$1\" != \"$FAIL\" ] || exit 2\n"
			if err := os.WriteFile(filepath.Join(bin, "make"), []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(filepath.Join(root, ".ci", "run"))
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "FAIL="+fail, "CI=")
			out, err := cmd.CombinedOutput()
			if (err != nil) != (fail != "") {
				t.Errorf("status: %v", err)
			}
			var begun, ended []string
			good := len(targets)
			for _, target := range targets {
				how := "good"
				if word, _, _ := strings.Cut(target, " "); word == fail {
					how = "FAILED with status 2"
					good--
				}
				begun = append(begun, "== make "+target+"\n")
				ended = append(ended, " make "+target+" "+how+` after 0 min 0\d s`)
			}
			want := regexp.MustCompile(`^` + strings.Join(begun, "") +
				fmt.Sprintf(`== %d of %d targets good, in 0 min 0\d s:`, good, len(targets)) + strings.Join(ended, ";") + `\.\n$`)
			if !want.Match(out) {
				t.Errorf("%s\nwant %s", out, want)
			}
		})
	}
}
