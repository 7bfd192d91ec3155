package stack

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// TestDesktop: a stack with a runtime folder of its own still finds the
// person's screen and bus.
func TestDesktop(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bus"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ env, want map[string]string }{
		"nothing":        {nil, nil},
		"wayland":        {map[string]string{"XDG_RUNTIME_DIR": "/run/user/1", "WAYLAND_DISPLAY": "wayland-0"}, map[string]string{"WAYLAND_DISPLAY": "/run/user/1/wayland-0"}},
		"wayland, whole": {map[string]string{"XDG_RUNTIME_DIR": "/run/user/1", "WAYLAND_DISPLAY": "/run/w"}, nil},
		"bus":            {map[string]string{"XDG_RUNTIME_DIR": dir}, map[string]string{"DBUS_SESSION_BUS_ADDRESS": "unix:path=" + dir + "/bus"}},
		"bus, named":     {map[string]string{"XDG_RUNTIME_DIR": dir, "DBUS_SESSION_BUS_ADDRESS": "unix:path=/x"}, nil},
	} {
		if got := desktop(func(key string) string { return c.env[key] }); !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
