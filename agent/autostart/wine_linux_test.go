package autostart

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs the tests of the registry, and of the parser, under wine.
func TestWindows(t *testing.T) {
	program := winetest.BuildTest(t, ".")
	out := winetest.New(t).Run(program, "-test.run=^Test(RunKey|Machine|MachineDoesNotStart|WithoutConsole|Shortcut|System|ParseEntry)$", "-test.v")
	for _, name := range []string{"TestRunKey", "TestMachine", "TestMachineDoesNotStart", "TestWithoutConsole", "TestShortcut", "TestSystem", "TestParseEntry"} {
		if !strings.Contains(out, "--- PASS: "+name+" ") {
			t.Errorf("%s:\n%s", name, out)
		}
	}
}
