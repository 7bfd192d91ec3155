package account

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs this package's test for Windows in wine.
func TestWindows(t *testing.T) {
	winetest.New(t).RunTests(winetest.BuildTest(t, "."), "TestOf")
}
