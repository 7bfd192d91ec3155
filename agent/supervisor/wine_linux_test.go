package supervisor

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs the tests of processes under wine.
func TestWindows(t *testing.T) {
	program := winetest.BuildTest(t, ".")
	out := winetest.New(t).Run(program, "-test.run=^Test(Crashes|Meant|ProgramMissing|DesktopEnds|EndsWithContext)$", "-test.v")
	for _, name := range []string{"TestCrashes", "TestMeant", "TestProgramMissing", "TestDesktopEnds", "TestEndsWithContext"} {
		if !strings.Contains(out, "--- PASS: "+name+" ") {
			t.Errorf("%s:\n%s", name, out)
		}
	}
}
