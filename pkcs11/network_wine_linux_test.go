package pkcs11

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// testNetworkOnWindows: a path to another computer is known in each of its spellings, and
// nothing is asked of that computer.
func testNetworkOnWindows(t *testing.T, w *winetest.Wine, states string) {
	// A drive that stands for a share, as wine has it: its kind is set in the registry.
	w.Run("reg", "add", `HKLM\Software\Wine\Drives`, "/v", "n:", "/d", "network")
	if err := os.Symlink("../drive_c/windows", filepath.Join(w.Path(""), "..", "dosdevices", "n:")); err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{
		`\\server\share\m.dll`: true, `//server/share/m.dll`: true, `\/server\share\m.dll`: true,
		`\\?\UNC\server\share\m.dll`: true, `\\.\UNC\server\share\m.dll`: true, `//?/unc/server/share/m.dll`: true,
		`\??\UNC\server\share\m.dll`: true, `\\?\GLOBALROOT\Device\Mup\server\share\m.dll`: true, `\\?\GLOBALROOT\??\UNC\server\share\m.dll`: true,
		`\\.\Global\UNC\server\share\m.dll`: true, `\\server@SSL\DavWWWRoot\m.dll`: true,
		`C:\m.dll`: false, `\\?\C:\m.dll`: false, `\\.\C:\m.dll`: false, `C:m.dll`: false, `m.dll`: false, `\m.dll`: false, ``: false,
		`C:\\server\share\m.dll`: false,
		`N:\m.dll`:               true, `n:/m.dll`: true, `\\?\N:\m.dll`: true, `N:m.dll`: true,
	}
	paths := slices.Sorted(maps.Keys(rows))
	lines := strings.Fields(w.Run(states, append([]string{"-network"}, paths...)...))
	if len(lines) != len(paths) {
		t.Fatalf("%q", lines)
	}
	for i, path := range paths {
		if lines[i] != strconv.FormatBool(rows[path]) {
			t.Errorf("%s: %s", path, lines[i])
		}
	}
}
