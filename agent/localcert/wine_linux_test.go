package localcert

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs the test of the root store in a Windows of its own.
func TestWindows(t *testing.T) {
	program := winetest.BuildTest(t, ".")
	if out := winetest.New(t).Run(program, "-test.run=^TestRootStore$", "-test.v", "-test.timeout=40s"); !strings.Contains(out, "--- PASS: TestRootStore") {
		t.Error(out)
	}
}
