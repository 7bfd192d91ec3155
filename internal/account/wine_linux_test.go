package account

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs this package's test for Windows in wine.
func TestWindows(t *testing.T) {
	out := winetest.New(t).Run(winetest.BuildTest(t, "."), "-test.v", "-test.timeout=60s", "-test.run=^TestOf$")
	if !strings.Contains(out, "--- PASS: TestOf ") {
		t.Errorf("it did not pass:\n%s", out)
	}
}
