package main

import (
	"os"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestDisplayAnswers: a desktop answers by X or by Wayland alone, and one that is named and
// does not is none.
func TestDisplayAnswers(t *testing.T) {
	x, wayland := testdesktop.Display(t), testdesktop.NewWayland(t).Display
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir()) // where GTK has the memory that it shares with the compositor
	for _, c := range []struct {
		display, wayland, backend string
		want                      bool
	}{
		{x, "", "", true},
		{"", wayland, "", true},
		{x, wayland, "", true},
		{":65000", wayland, "", true},
		{x, wayland + "-gone", "", true},
		{x, wayland, "x11", true},
		{"", wayland, "wayland", true},
		{"", wayland, "x11", false},
		{"", "", "", false},
		{":65000", "", "", false},
		{"", wayland + "-gone", "", false},
	} {
		t.Setenv("DISPLAY", c.display)
		t.Setenv("WAYLAND_DISPLAY", c.wayland)
		if t.Setenv("GDK_BACKEND", c.backend); c.backend == "" {
			_ = os.Unsetenv("GDK_BACKEND")
		}
		if got := displayAnswers(t.Context()); got != c.want {
			t.Errorf("DISPLAY=%q WAYLAND_DISPLAY=%q GDK_BACKEND=%q: %t", c.display, c.wayland, c.backend, got)
		}
	}
}
