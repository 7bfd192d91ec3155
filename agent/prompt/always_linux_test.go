package prompt

import (
	"errors"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/testdesk"
)

// TestAlwaysWindow: "always" is never the answer of a key that was meant for the
// page.
func TestAlwaysWindow(t *testing.T) {
	s := newScreen(t)
	p := NewPinentry(PinentryOptions{Program: testdesk.Needs(t, "pinentry-gtk-2")})
	for keys, want := range map[string]error{"Return": ErrCancelled, "Escape": ErrCancelled, "Tab Return": nil} {
		t.Run(keys, func(t *testing.T) {
			s.T = t
			done := make(chan error, 1)
			go func() { done <- p.Always(t.Context(), "fr", site) }()
			s.Window(dialogTitle)
			s.Do(append([]string{"key", "--clearmodifiers"}, strings.Fields(keys)...)...)
			if err := testdesk.Await(t, done); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
			s.Gone(dialogTitle)
		})
	}
}
