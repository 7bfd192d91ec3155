package atomicfile

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs these tests under wine.
func TestWindows(t *testing.T) {
	program := winetest.BuildTest(t, ".")
	out := winetest.New(t).Run(program, "-test.v", "-test.timeout=60s")
	winetest.Passed(t, out, "TestWrite", "TestWriteHere", "TestSynced", "TestScratch", "TestNoFolder", "TestWhole")
}
