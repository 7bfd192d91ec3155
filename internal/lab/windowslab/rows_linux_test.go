package windowslab

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestLogin is a login as `make test` can have it: Debian 12's wine 8, our client, and a
// small module of ours.
func TestLogin(t *testing.T) {
	e := NewEnvironment(t)
	w := Open(t, e, winetest.NewWithSockets(t, e.Variables()...), Options{Small: true})
	w.Play(t, []Row{
		{Name: "P-256 on PIV, wine 8", card: piv256, settings: allowed, want: []string{"ok"}, tries: 2, play: func(w *World) string {
			return w.login(byOurs, at(awaitingPIN, w.types("9999", virtual.PIN)))
		}},
		{Name: "a Linux process is refused, wine 8", card: piv256, settings: allowed, want: []string{"refused"}, play: func(w *World) string {
			return w.login(byLinux, nil) + w.unless(w.hears("connection refused"), "the log does not say it")
		}},
		securityEvents(),
	})
}

// TestRows plays the table in wine 10.
func TestRows(t *testing.T) {
	if testing.Short() {
		t.Skip("make test-windows plays the table: it takes minutes, and OpenSC is built for it")
	}
	e := NewEnvironment(t)
	windows := winetest.New10(t, e.Variables()...)
	other, err := windows.Another(t.TempDir(), e.Variables()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	})
	Open(t, e, windows, Options{Node: true, Other: other}).Play(t, Rows())
}

// TestRows32 plays some of them with the agent and the module for 32 bits.
func TestRows32(t *testing.T) {
	if testing.Short() {
		t.Skip("make test-windows plays it: OpenSC is built for it")
	}
	e := NewEnvironment(t)
	Open(t, e, winetest.New10(t, e.Variables()...), Options{Arch: "386", Node: true}).Play(t, Rows32())
}
