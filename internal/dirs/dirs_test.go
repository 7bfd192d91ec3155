package dirs

import (
	"path/filepath"
	"testing"
)

// The environment is read when it is asked for, and what is no absolute path in
// it is passed over.
func TestState(t *testing.T) {
	home, other := t.TempDir(), t.TempDir()
	for _, variable := range []string{"HOME", "USERPROFILE"} {
		t.Setenv(variable, home)
	}
	t.Setenv("LOCALAPPDATA", "")
	inHome := filepath.Join(home, ".local", "state", "cpx-bridge")
	for variable, want := range map[string]string{
		other: filepath.Join(other, "cpx-bridge"), "": inHome, "state": inHome, "./state": inHome,
	} {
		t.Setenv("XDG_STATE_HOME", variable)
		if got, err := State(); err != nil || got != want {
			t.Errorf("%q: %s, %v, want %s", variable, got, err, want)
		}
	}
}

// Without a home an error says so: nothing is kept in a folder of everyone's.
func TestNoHome(t *testing.T) {
	for _, variable := range []string{"HOME", "USERPROFILE", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "LOCALAPPDATA", "APPDATA"} {
		t.Setenv(variable, "")
	}
	if dir, err := State(); err == nil {
		t.Errorf("state in %q", dir)
	}
	if dir, err := Config(); err == nil {
		t.Errorf("settings in %q", dir)
	}
}
