package browsers

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs the registry's tests under wine.
func TestWindows(t *testing.T) {
	program := winetest.BuildTest(t, ".")
	w := winetest.New(t)
	// The keys first: they are to be absent before.
	for _, names := range [][]string{{"TestRegistryKeys"}, {"TestRegistry", "TestRegistryShared", "TestRegistryLists"}} {
		out := w.Run(program, "-test.run=^("+strings.Join(names, "|")+")$", "-test.v")
		for _, name := range names {
			if !strings.Contains(out, "--- PASS: "+name+" ") {
				t.Error(out)
			}
		}
	}
}
