package dirs

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

func TestConfig(t *testing.T) {
	home, other := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	for variable, base := range map[string]string{other: other, "": filepath.Join(home, ".config"), "config": filepath.Join(home, ".config")} {
		t.Setenv("XDG_CONFIG_HOME", variable)
		if got, err := ConfigHome(); err != nil || got != base {
			t.Errorf("%q: %s, %v", variable, got, err)
		}
		if got, err := Config(); err != nil || got != filepath.Join(base, "cpx-bridge") {
			t.Errorf("%q: %s, %v", variable, got, err)
		}
	}
	if Machine() != "/etc/cpx-bridge" {
		t.Errorf("the machine's: %s", Machine())
	}
}

// Windows's own variable means nothing here.
func TestStateIsNotWindowss(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("LOCALAPPDATA", t.TempDir())
	if got, err := State(); err != nil || got != filepath.Join(home, ".local", "state", "cpx-bridge") {
		t.Errorf("%s, %v", got, err)
	}
}

func TestConfigDirs(t *testing.T) {
	for variable, want := range map[string][]string{
		"": {"/etc/xdg"}, "/a:/b": {"/a", "/b"}, "/a:relative::/b": {"/a", "/b"}, "relative": nil,
	} {
		t.Setenv("XDG_CONFIG_DIRS", variable)
		if got := ConfigDirs(); !slices.Equal(got, want) {
			t.Errorf("%q: %q", variable, got)
		}
	}
}

func TestRuntime(t *testing.T) {
	dir := t.TempDir()
	for variable, want := range map[string]string{dir: dir, "": "", "run": ""} {
		t.Setenv("XDG_RUNTIME_DIR", variable)
		if got := Runtime(); got != want {
			t.Errorf("%q: %q", variable, got)
		}
		if got := SessionBus(); got != "" {
			t.Errorf("%q: a bus at %s", variable, got)
		}
	}
	if got := RuntimeOfUser(); got != "/run/user/"+strconv.Itoa(os.Geteuid()) {
		t.Errorf("the user's: %s", got)
	}
}

func TestSessionBus(t *testing.T) {
	dir := t.TempDir()
	bus := filepath.Join(dir, "bus")
	if err := os.WriteFile(bus, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for variable, want := range map[string]string{dir: bus, "": "", ".": ""} {
		t.Setenv("XDG_RUNTIME_DIR", variable)
		if got := SessionBus(); got != want {
			t.Errorf("%q: %q", variable, got)
		}
	}
}

// TestWindows runs the tests of the portable part and of Windows's in a Windows
// of its own.
func TestWindows(t *testing.T) {
	program := winetest.BuildTest(t, ".")
	out := winetest.New(t).Run(program, "-test.v", "-test.run=^(TestNoHome|TestKnownFolders)$", "-test.timeout=60s")
	for _, test := range []string{"TestNoHome", "TestKnownFolders"} {
		if !strings.Contains(out, "--- PASS: "+test+" ") {
			t.Errorf("%s did not pass:\n%s", test, out)
		}
	}
}
