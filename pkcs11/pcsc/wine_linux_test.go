package pcsc

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestOnWindows runs under wine what waits for the service of Windows.
func TestOnWindows(t *testing.T) {
	program := winetest.BuildTest(t, ".")
	out := winetest.New(t).Run(program, "-test.v", "-test.timeout=2m")
	winetest.Passed(t, out, "TestAwaitService", "TestStartedEvent", "TestCodes")
}
