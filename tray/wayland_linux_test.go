package tray

import (
	"os"
	"slices"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestMenuOnWayland: the menu needs no X, and stands and serves where there is Wayland
// alone.
func TestMenuOnWayland(t *testing.T) {
	_, address := desktop(t)
	t.Setenv("DISPLAY", "")
	if err := os.Unsetenv("DISPLAY"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("WAYLAND_DISPLAY", testdesktop.NewWayland(t).Display)
	host := testdesktop.NewTrayHost(t, address)
	d := newFakeAgent()
	run(t, d, Options{LogFile: "/TEST/agent.log"})
	m := host.Icon()
	m.Await("no card", func() bool { return slices.Equal(m.Labels(), emptyMenu) })
	d.set(present)
	m.Await("card in", func() bool { return len(m.Labels()) == len(emptyMenu)+3 })
	m.Click("TEST_two")
	d.expect(t, "use two")
}
