package prompt

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

const dialogTitle = "^CPx Bridge$"

// newScreen starts a screen and makes it the display of this process.
func newScreen(t *testing.T) *testdesktop.Screen {
	t.Helper()
	need.Program(t, "pinentry-gtk-2")
	s := testdesktop.NewScreen(t)
	t.Setenv("DISPLAY", s.Display)
	t.Setenv("WAYLAND_DISPLAY", "")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "disabled:")
	t.Setenv("HOME", t.TempDir())
	return s
}

func TestWindow(t *testing.T) {
	s := newScreen(t)
	p := NewPinentry(PinentryOptions{}) // finds pinentry-gtk-2, as a person's desktop does
	if found, err := p.find("GETPIN"); err != nil || !strings.Contains(found, "pinentry-") {
		t.Fatal(found, err)
	}
	p = NewPinentry(PinentryOptions{Program: need.Program(t, "pinentry-gtk-2")})

	pin := PIN{Caller: site, Holder: gp}
	wrong := PIN{Caller: site, Holder: gp, WrongPIN: true, FinalTry: true}
	long := PIN{Caller: Caller{Origin: "https://" + strings.Repeat("sous-domaine.", 20) + "example.fr", Program: "firefox"}, Holder: gp, LengthHint: true, MinLength: 4, MaxLength: 8}
	type answer struct {
		pin   string
		index int
		err   error
	}
	asks := map[string]func(context.Context, string) answer{
		"consent": func(ctx context.Context, lang string) answer { return answer{err: p.Consent(ctx, lang, site)} },
		"insert":  func(ctx context.Context, lang string) answer { return answer{err: p.InsertCard(ctx, lang, site, true)} },
		"choose": func(ctx context.Context, lang string) answer {
			i, err := p.Choose(ctx, lang, site, []Holder{gp, nurse})
			return answer{index: i, err: err}
		},
	}
	for name, d := range map[string]PIN{"PIN": pin, "PIN wrong": wrong, "PIN long": long} {
		asks[name] = func(ctx context.Context, lang string) answer {
			typed, err := p.PIN(ctx, lang, d)
			return answer{pin: string(typed), err: err}
		}
	}
	for _, c := range []struct {
		ask, lang string
		keys      []string
		want      answer
	}{
		{"consent", "fr", []string{"Return"}, answer{err: ErrCancelled}}, // an Enter typed too early is a no
		{"consent", "fr", []string{"Tab", "Return"}, answer{}},
		{"consent", "en", []string{"Escape"}, answer{err: ErrCancelled}},
		{"PIN", "fr", []string{"1", "2", "3", "4", "Return"}, answer{pin: "1234"}},
		{"PIN", "en", []string{"1", "2", "percent", "4", "Return"}, answer{pin: "12%4"}},
		{"PIN", "fr", []string{"1", "2", "Escape"}, answer{err: ErrCancelled}},
		{"PIN wrong", "fr", []string{"1", "2", "3", "5", "Return"}, answer{pin: "1235"}},
		{"PIN wrong", "en", []string{"Escape"}, answer{err: ErrCancelled}},
		{"PIN long", "fr", []string{"Escape"}, answer{err: ErrCancelled}},
		{"choose", "fr", []string{"Tab", "Tab", "Return"}, answer{}},
		{"choose", "en", []string{"Escape"}, answer{err: ErrCancelled}},
		{"insert", "fr", []string{"Return"}, answer{err: ErrCancelled}},
	} {
		t.Run(c.ask+" "+c.lang+" "+strings.Join(c.keys, "-"), func(t *testing.T) {
			s.T = t
			done := make(chan answer, 1)
			go func() { done <- asks[c.ask](t.Context(), c.lang) }()
			s.Window(dialogTitle)
			s.Do(append([]string{"key", "--clearmodifiers"}, c.keys...)...)
			got := <-done
			if got.pin != c.want.pin || got.index != c.want.index || !errors.Is(got.err, c.want.err) || (got.err == nil) != (c.want.err == nil) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			s.Gone(dialogTitle)
		})
	}
	for name, ask := range asks {
		t.Run("ended "+name, func(t *testing.T) {
			s.T = t
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan answer, 1)
			go func() { done <- ask(ctx, "fr") }()
			s.Window(dialogTitle)
			cancel()
			if got := <-done; !errors.Is(got.err, context.Canceled) || got.pin != "" {
				t.Errorf("got %+v", got)
			}
			s.Gone(dialogTitle)
		})
	}
}

// TestChooseWindow: the button "Suivant" shows the next certificate.
func TestChooseWindow(t *testing.T) {
	s := newScreen(t)
	gtk := need.Program(t, "pinentry-gtk-2")
	done := make(chan int, 1)
	go func() {
		i, err := NewPinentry(PinentryOptions{Program: gtk}).Choose(t.Context(), "fr", site, []Holder{gp, nurse})
		if err != nil {
			i = -1
		}
		done <- i
	}()
	// The X server may give the second window the first one's number, so the two
	// are distinguished by their processes.
	first := s.Do("getwindowpid", s.Window(dialogTitle))
	s.Do("key", "Tab", "Return")
	for end := time.Now().Add(testdesktop.Patience); ; {
		if now, err := s.Try("search", "--onlyvisible", "--name", dialogTitle, "getwindowpid"); err == nil && now != "" && now != first {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no second dialog")
		}
	}
	s.Window(dialogTitle)
	s.Do("key", "Tab", "Tab", "Return")
	if i := <-done; i != 1 {
		t.Errorf("chose %d", i)
	}
	s.Gone(dialogTitle)
}

// TestNoSuchDisplay: a display that does not answer is an error, not a wait.
func TestNoSuchDisplay(t *testing.T) {
	gtk := need.Program(t, "pinentry-gtk-2")
	t.Setenv("DISPLAY", ":65000")
	t.Setenv("WAYLAND_DISPLAY", "")
	_, err := NewPinentry(PinentryOptions{Program: gtk}).PIN(t.Context(), "fr", PIN{Caller: site, Holder: gp})
	if !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}
