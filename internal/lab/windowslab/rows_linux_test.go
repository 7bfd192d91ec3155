package windowslab

import (
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

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
