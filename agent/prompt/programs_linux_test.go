package prompt

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestPrograms drives the pinentry programs of Qt and GNOME, each by its own keys.
func TestPrograms(t *testing.T) {
	s := newScreen(t)
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", testdesktop.Bus(t)) // GNOME's dialog is a service
	s.Manage()
	both := []Holder{gp, nurse}
	for _, c := range []struct {
		program, ask, keys, pin string
		index                   int
		err                     error
	}{
		{program: "pinentry-qt", ask: "consent", keys: "Return", err: ErrCancelled},
		{program: "pinentry-qt", ask: "consent", keys: "Escape", err: ErrCancelled},
		{program: "pinentry-qt", ask: "consent", keys: "Tab Return"},
		{program: "pinentry-qt", ask: "choose", keys: "Tab Return"},
		{program: "pinentry-qt", ask: "choose", keys: "Escape", err: ErrCancelled},
		{program: "pinentry-qt", ask: "insert", keys: "Escape", err: ErrCancelled},
		{program: "pinentry-qt", ask: "PIN", keys: "1 2 percent 4 Return", pin: "12%4"},
		{program: "pinentry-qt", ask: "PIN", keys: "1 2 Escape", err: ErrCancelled},
		// Enter is yes here, which is why this program is the last choice for consent.
		{program: "pinentry-gnome3", ask: "consent", keys: "Return"},
		{program: "pinentry-gnome3", ask: "consent", keys: "Escape", err: ErrCancelled},
		{program: "pinentry-gnome3", ask: "insert", keys: "Escape", err: ErrCancelled},
		{program: "pinentry-gnome3", ask: "PIN", keys: "1 2 percent 4 Return", pin: "12%4"},
		{program: "pinentry-gnome3", ask: "PIN", keys: "1 2 Escape", err: ErrCancelled},
	} {
		t.Run(c.program+" "+c.ask+" "+c.keys, func(t *testing.T) {
			s.T = t
			p := NewPinentry(PinentryOptions{Program: need.Program(t, c.program)})
			type answer struct {
				pin   string
				index int
				err   error
			}
			asks := map[string]func(ctx context.Context) answer{
				"consent": func(ctx context.Context) answer { return answer{err: p.Consent(ctx, "fr", site)} },
				"insert":  func(ctx context.Context) answer { return answer{err: p.InsertCard(ctx, "fr", site, true)} },
				"choose": func(ctx context.Context) answer {
					i, err := p.Choose(ctx, "fr", site, both)
					return answer{index: i, err: err}
				},
				"PIN": func(ctx context.Context) answer {
					pin, err := p.PIN(ctx, "fr", PIN{Caller: site, Holder: gp, WrongPIN: true, FinalTry: true})
					return answer{pin: string(pin), err: err}
				},
			}
			done := make(chan answer, 1)
			go func() { done <- asks[c.ask](t.Context()) }()
			s.Front(dialogTitle)
			s.Do(append([]string{"key"}, strings.Fields(c.keys)...)...)
			if got := <-done; got.pin != c.pin || got.index != c.index || !errors.Is(got.err, c.err) || (got.err == nil) != (c.err == nil) {
				t.Errorf("got %+v", got)
			}
			s.Gone(dialogTitle)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { done <- asks[c.ask](ctx) }()
			s.Front(dialogTitle)
			cancel()
			if got := <-done; !errors.Is(got.err, context.Canceled) {
				t.Errorf("ended: %+v", got)
			}
			s.Gone(dialogTitle)
		})
	}
}

// TestOrder: a program that accepts a stray Enter as yes is the last choice for
// yes-or-no questions.
func TestOrder(t *testing.T) {
	t.Setenv("DISPLAY", ":1")
	for _, name := range []string{"pinentry-qt", "pinentry-gnome3", "pinentry-gtk-2"} {
		need.Program(t, name)
	}
	dir := onPath(t, "pinentry-gnome3", "pinentry-gtk-2")
	for request, want := range map[string]string{"GETPIN": "pinentry-gnome3", "CONFIRM": "pinentry-gtk-2", "CONFIRM --one-button": "pinentry-gtk-2"} {
		if got, err := NewPinentry(PinentryOptions{}).find(request); err != nil || got != dir+"/"+want {
			t.Errorf("%s: %s, %v", request, got, err)
		}
	}
}

// onPath makes a PATH with only those programs.
func onPath(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.Symlink(need.Program(t, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	return dir
}
