package localcert

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs the root store's test under wine.
func TestWindows(t *testing.T) {
	winetest.New(t).RunTests(winetest.BuildTest(t, "."), "TestRootStore")
}
