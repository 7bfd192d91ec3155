package tray

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestPanelThere: the icon of the old kind is for panels that take no other. That
// the toolkit shows one icon beside a real panel, `make screens` sees.
func TestPanelThere(t *testing.T) {
	_, address := desktop(t)
	if panelThere() {
		t.Error("a panel where there is none")
	}
	host := testdesktop.NewTrayHost(t, address)
	if !panelThere() {
		t.Error("no panel where there is one")
	}
	host.Go()
	if panelThere() {
		t.Error("a panel that is gone")
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
	if panelThere() {
		t.Error("a panel without a bus")
	}
}
