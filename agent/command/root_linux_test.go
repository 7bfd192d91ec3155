package command

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/asroot"
)

// TestRootHearsWhoseItIs: who administers a workstation over ssh is told that a command of one
// person's was about root, and reads it nowhere else: not in what an inventory takes, and not
// where the computer alone is looked at.
func TestRootHearsWhoseItIs(t *testing.T) {
	if !asroot.Here(t) {
		return
	}
	home := t.TempDir()
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": home + "/config", "XDG_CONFIG_DIRS": home + "/machine", "XDG_DATA_HOME": home + "/data", "XDG_DATA_DIRS": home + "/everyone",
		"XDG_STATE_HOME": home + "/state", "XDG_RUNTIME_DIR": home, "DBUS_SESSION_BUS_ADDRESS": "disabled:", "LANG": "en_GB.UTF-8",
	} {
		t.Setenv(name, value)
	}
	for _, c := range []struct {
		args string
		want string // "" for nothing of it
	}{
		{"autostart enable", "sudo -u PERSON cpx-agent autostart enable"},
		{"autostart disable", "sudo -u PERSON cpx-agent autostart disable"},
		{"shortcut add", "sudo -u PERSON cpx-agent shortcut add"},
		{"shortcut remove", "sudo -u PERSON cpx-agent shortcut remove"},
		{"doctor", "sudo -u PERSON XDG_RUNTIME_DIR=/run/user/UID cpx-agent doctor"},
		{"doctor --json", ""},
		{"doctor --scope machine", ""},
	} {
		var out, errs bytes.Buffer
		program.Run(t.Context(), strings.Fields(c.args), &out, &errs)
		said := out.String() + errs.String()
		switch speaks := strings.Contains(said, "ou are root"); {
		case c.want == "" && speaks:
			t.Errorf("cpx-agent %s speaks of root:\n%s", c.args, said)
		case !strings.Contains(said, c.want):
			t.Errorf("cpx-agent %s does not say %q:\n%s", c.args, c.want, said)
		}
	}
}
