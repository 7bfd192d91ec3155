package owners

import (
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows runs the tests of access lists under wine. It keeps of a file's list what a
// mode can say, and of a key's all.
func TestWindows(t *testing.T) {
	tests := []string{"TestReadAccess", "TestEntries", "TestFiles", "TestLongPath", "TestLinks", "TestKeys", "TestMachinesKey", "TestAccount", "TestListedTexts"}
	out := winetest.New(t).Run(winetest.BuildTest(t, "."), "-test.v", "-test.timeout=60s", "-test.run=^("+strings.Join(tests, "|")+")$")
	for _, test := range tests {
		if !strings.Contains(out, "--- PASS: "+test+" ") {
			t.Errorf("%s did not pass:\n%s", test, out)
		}
	}
}
