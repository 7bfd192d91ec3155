package journal

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs in wine what this package does otherwise on Windows.
func TestWindows(t *testing.T) {
	program := winetest.BuildTest(t, ".")
	out := winetest.New(t).Run(program, "-test.v", "-test.run=^(TestCheckOnWindows|TestCheckFullDisk)$", "-test.timeout=60s")
	for _, test := range []string{"TestCheckOnWindows", "TestCheckFullDisk"} {
		if !strings.Contains(out, "--- PASS: "+test+" ") {
			t.Errorf("%s did not pass:\n%s", test, out)
		}
	}
}
