package desktop

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestOnWindows runs the tests of the window under wine.
func TestOnWindows(t *testing.T) {
	program := winetest.BuildTest(t, ".")
	out := winetest.New(t, "DISPLAY="+testdesktop.Display(t)).Run(program, "-test.v", "-test.timeout=5m")
	winetest.Passed(t, out, "TestMessages", "TestAnsweredOnceDone", "TestSlowEnd", "TestLost", "TestNoSessionEvents", "TestServicesLater")
}
