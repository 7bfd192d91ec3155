package dirs

import (
	"os"
	"path/filepath"
	"testing"
)

func TestKnownFolders(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "")
	state, err := State()
	if err != nil || state != filepath.Join(os.Getenv("LOCALAPPDATA"), "CPxBridge") {
		t.Errorf("state: %s, %v", state, err)
	}
	t.Setenv("XDG_STATE_HOME", `C:\state`)
	if state, err := State(); err != nil || state != `C:\state\cpx-bridge` {
		t.Errorf("state where it is named: %s, %v", state, err)
	}
	config, err := Config()
	if err != nil || config != filepath.Join(os.Getenv("APPDATA"), "CPxBridge") {
		t.Errorf("settings: %s, %v", config, err)
	}
	if Machine() != "" || Runtime() != "" || SessionBus() != "" {
		t.Errorf("%q, %q, %q", Machine(), Runtime(), SessionBus())
	}
}
