package nodump

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs this package's tests for Windows in wine, which enforces the access
// lists of processes.
func TestWindows(t *testing.T) {
	program := winetest.BuildTest(t, ".")
	out := winetest.New(t).Run(program, "-test.v", "-test.timeout=60s")
	winetest.Passed(t, out, "TestClosed", "TestDescriptor", "TestErrorMode", "TestLibraries")
}
