package sharepath

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs the tests for Windows under wine, with a drive that stands for a share
// as wine has it: its kind is set in the registry.
func TestWindows(t *testing.T) {
	w := winetest.New(t)
	w.Run("reg", "add", `HKLM\Software\Wine\Drives`, "/v", "n:", "/d", "network")
	if err := os.Symlink("../drive_c/windows", filepath.Join(w.Path(""), "..", "dosdevices", "n:")); err != nil {
		t.Fatal(err)
	}
	out := w.Run(winetest.BuildTest(t, "."), "-test.v", "-test.timeout=60s", "-drive=N:")
	winetest.Passed(t, out, "TestLeads", "TestLinks")
}
