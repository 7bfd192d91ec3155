package policy

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs the tests of the real registry under wine.
func TestWindows(t *testing.T) {
	program := winetest.BuildTest(t, ".")
	names := []string{"TestRealRegistry", "TestRealRegistryOfOthers", "TestRealRegistryRefused", "TestRefusesNetwork", "TestRealRegistryWatched", "TestWatchEnds", "TestPersonsFileWatched"}
	out := winetest.New(t).Run(program, "-test.run=^("+strings.Join(names, "|")+")$", "-test.v", "-test.timeout=60s")
	for _, name := range names {
		if !strings.Contains(out, "--- PASS: "+name+" ") {
			t.Errorf("%s:\n%s", name, out)
		}
	}
}
