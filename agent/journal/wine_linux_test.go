package journal

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs in wine what this package does otherwise on Windows.
func TestWindows(t *testing.T) {
	winetest.New(t).RunTests(winetest.BuildTest(t, "."), "TestCheckOnWindows", "TestCheckFullDisk")
}
