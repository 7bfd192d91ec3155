package pcsc

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestOnWindows runs under wine what waits for the service of Windows.
func TestOnWindows(t *testing.T) {
	program := winetest.BuildTest(t, ".")
	out := winetest.New(t).Run(program, "-test.v", "-test.timeout=2m")
	for _, name := range []string{"TestAwaitService", "TestStartedEvent", "TestCodes"} {
		if !strings.Contains(out, "--- PASS: "+name+" ") {
			t.Errorf("%s:\n%s", name, out)
		}
	}
}
