package prompt

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestAlwaysWindow: a key that was meant for the page never answers "always".
func TestAlwaysWindow(t *testing.T) {
	s := newScreen(t)
	for _, name := range []string{"pinentry-gtk-2", "pinentry-qt"} {
		p := NewPinentry(PinentryOptions{Program: need.Program(t, name)})
		for keys, want := range map[string]error{"Return": ErrCancelled, "Escape": ErrCancelled, "Tab Return": nil} {
			t.Run(name+" "+keys, func(t *testing.T) {
				s.T = t
				done := make(chan error, 1)
				go func() { done <- p.Always(t.Context(), "fr", site) }()
				s.Window(dialogTitle)
				s.Do(append([]string{"key", "--clearmodifiers"}, strings.Fields(keys)...)...)
				if err := testdesktop.Await(t, done); !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
				s.Gone(dialogTitle)
			})
		}
	}
}

// TestAlwaysRefusesGNOME: its program accepts Enter as yes, so it is not asked, not
// even under another name.
func TestAlwaysRefusesGNOME(t *testing.T) {
	link := filepath.Join(t.TempDir(), "pinentry")
	if err := os.Symlink(need.Program(t, "pinentry-gnome3"), link); err != nil {
		t.Fatal(err)
	}
	p := NewPinentry(PinentryOptions{Program: link})
	if err := p.Always(t.Context(), "fr", site); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "Enter") {
		t.Errorf("%v", err)
	}
}
