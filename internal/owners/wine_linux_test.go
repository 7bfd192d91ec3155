package owners

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs the tests of access lists under wine. It keeps of a file's list what a
// mode can say, and of a key's all.
func TestWindows(t *testing.T) {
	winetest.New(t).RunTests(winetest.BuildTest(t, "."), "TestReadAccess", "TestEntries", "TestFiles", "TestLongPath", "TestLinks", "TestKeys",
		"TestMachinesKey", "TestAccount", "TestListedTexts")
}
