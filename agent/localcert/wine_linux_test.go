package localcert

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs the root store's test under wine.
func TestWindows(t *testing.T) {
	program := winetest.BuildTest(t, ".")
	if out := winetest.New(t).Run(program, "-test.run=^TestRootStore$", "-test.v", "-test.timeout=40s"); !strings.Contains(out, "--- PASS: TestRootStore") {
		t.Error(out)
	}
}
