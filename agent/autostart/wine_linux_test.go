package autostart

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs the tests of the registry, and of the parser, under wine.
func TestWindows(t *testing.T) {
	winetest.New(t).RunTests(winetest.BuildTest(t, "."), "TestRunKey", "TestMachine", "TestMachineDoesNotStart", "TestWithoutConsole",
		"TestShortcut", "TestSystem", "TestParseEntry")
}
