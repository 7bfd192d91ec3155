package tray

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/gtk"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestPanelExists: the icon of the old kind is for panels that support no other. That
// the toolkit shows one icon on a real panel is checked by `make screens`.
func TestPanelExists(t *testing.T) {
	if err := gtk.Load(true); err != nil {
		t.Fatal(err)
	}
	_, address := desktop(t)
	if panelExists() {
		t.Error("a panel where there is none")
	}
	host := testdesktop.NewTrayHost(t, address)
	if !panelExists() {
		t.Error("no panel where there is one")
	}
	host.Go()
	if panelExists() {
		t.Error("a panel that has ended")
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
	if panelExists() {
		t.Error("a panel without a bus")
	}
}
