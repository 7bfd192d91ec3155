package supervisor

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs the tests of processes under wine.
func TestWindows(t *testing.T) {
	winetest.New(t).RunTests(winetest.BuildTest(t, "."), "TestCrashes", "TestMeant", "TestProgramMissing", "TestDesktopEnds", "TestEndsWithContext", "TestQuit", "TestDone")
}
