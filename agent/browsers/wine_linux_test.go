package browsers

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs the registry's tests under wine.
func TestWindows(t *testing.T) {
	program, w := winetest.BuildTest(t, "."), winetest.New(t)
	w.RunTests(program, "TestRegistryKeys") // first: the keys are to be absent before
	w.RunTests(program, "TestRegistry", "TestRegistryShared", "TestRegistryLists")
}
