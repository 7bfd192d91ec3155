package notify

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs Windows' tests in wine, with its task bar.
func TestWindows(t *testing.T) {
	w := winetest.New(t, "DISPLAY="+testdesktop.Display(t))
	w.RunTests(winetest.BuildTest(t, "."), "TestBalloon", "TestSeveralBalloons", "TestRetract", "TestSendEnds", "TestNotOpenYet", "TestThreadEnds", "TestFill")
}
