package programname

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs the tests for Windows under wine.
func TestWindows(t *testing.T) {
	tests := []string{"TestVersionResource", "TestPersonsProgram", "TestMachinesProgram"}
	out := winetest.New(t).Run(winetest.BuildTest(t, "."), "-test.v", "-test.timeout=60s", "-test.run=^("+strings.Join(tests, "|")+")$")
	for _, test := range tests {
		if !strings.Contains(out, "--- PASS: "+test+" ") {
			t.Errorf("%s did not pass:\n%s", test, out)
		}
	}
}
