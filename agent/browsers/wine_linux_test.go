package browsers

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs the registry's tests under wine.
func TestWindows(t *testing.T) {
	program := winetest.BuildTest(t, ".")
	if out := winetest.New(t).Run(program, "-test.run=^TestRegistry(Lists|Shared)?$", "-test.v"); !strings.Contains(out, "--- PASS: TestRegistry ") || !strings.Contains(out, "--- PASS: TestRegistryShared") || !strings.Contains(out, "--- PASS: TestRegistryLists") {
		t.Error(out)
	}
}
