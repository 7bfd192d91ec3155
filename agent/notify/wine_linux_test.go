package notify

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs Windows' tests in wine, with its task bar.
func TestWindows(t *testing.T) {
	names := []string{"TestBalloon", "TestSeveralBalloons", "TestRetract", "TestSendEnds", "TestNotOpenYet", "TestThreadEnds", "TestFill"}
	w := winetest.New(t, "DISPLAY="+testdesktop.Display(t))
	out := w.Run(winetest.BuildTest(t, "."), "-test.run=^("+strings.Join(names, "|")+")$", "-test.v", "-test.timeout=100s")
	for _, name := range names {
		if !strings.Contains(out, "--- PASS: "+name+" ") {
			t.Errorf("%s:\n%s", name, out)
		}
	}
}
