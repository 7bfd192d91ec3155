package prompt

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// screen is an X server without a monitor.
type screen struct {
	t       *testing.T
	xdotool string
}

// newScreen starts a screen and makes it the display of this process.
func newScreen(t *testing.T) *screen {
	t.Helper()
	xvfb := needs(t, "Xvfb", "xvfb")
	needs(t, "pinentry-gtk-2", "pinentry-gtk2")
	s := &screen{t: t, xdotool: needs(t, "xdotool", "xdotool")}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(xvfb, "-displayfd", "3", "-screen", "0", "900x600x24", "-nolisten", "tcp", "-noreset")
	cmd.ExtraFiles = []*os.File{w}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // so that it removes its lock
		_ = cmd.Wait()
	})
	_ = w.Close()
	if err := r.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	number, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb names no display: %v", err)
	}
	_ = r.Close()
	t.Setenv("DISPLAY", ":"+strings.TrimSpace(number))
	t.Setenv("WAYLAND_DISPLAY", "")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "disabled:")
	t.Setenv("HOME", t.TempDir())
	return s
}

func (s *screen) do(args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 15*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, s.xdotool, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("xdotool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// window waits for the dialog and gives it the keyboard.
func (s *screen) window() string {
	s.t.Helper()
	id := s.do("search", "--sync", "--onlyvisible", "--limit", "1", "--name", "^CPx Bridge$")
	s.do("windowfocus", "--sync", id)
	if picture := os.Getenv("CPX_TEST_PICTURES"); picture != "" {
		name := strings.NewReplacer("/", "-", " ", "-").Replace(s.t.Name())
		if out, err := exec.Command("import", "-window", "root", picture+"/"+name+".png").CombinedOutput(); err != nil {
			s.t.Fatalf("%v\n%s", err, out)
		}
	}
	return id
}

// empty waits until no dialog stands any more.
func (s *screen) empty() {
	s.t.Helper()
	end := time.Now().Add(15 * time.Second)
	for exec.Command(s.xdotool, "search", "--onlyvisible", "--name", "^CPx Bridge$").Run() == nil {
		if time.Now().After(end) {
			s.t.Fatal("a dialog still stands")
		}
	}
}

func TestWindow(t *testing.T) {
	s := newScreen(t)
	p := NewPinentry(PinentryOptions{}) // finds pinentry-gtk-2, as a person's desktop does
	if found, err := p.find(); err != nil || !strings.Contains(found, "pinentry-") {
		t.Fatal(found, err)
	}
	gtk, err := exec.LookPath("pinentry-gtk-2")
	if err != nil {
		t.Fatal(err)
	}
	p = NewPinentry(PinentryOptions{Program: gtk})

	pin := PIN{Caller: site, Holder: gp}
	wrong := PIN{Caller: site, Holder: gp, WrongPIN: true, FinalTry: true}
	long := PIN{Caller: Caller{"https://" + strings.Repeat("sous-domaine.", 20) + "example.fr", "firefox"}, Holder: gp, LengthHint: true, MinLength: 4, MaxLength: 8}
	type answer struct {
		pin   string
		index int
		err   error
	}
	asks := map[string]func(context.Context, string) answer{
		"consent": func(ctx context.Context, lang string) answer { return answer{err: p.Consent(ctx, lang, site)} },
		"insert":  func(ctx context.Context, lang string) answer { return answer{err: p.InsertCard(ctx, lang, site)} },
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
		{"consent", "fr", []string{"Return"}, answer{err: ErrCancelled}}, // typed too early, it is a no
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
			s.t = t
			done := make(chan answer, 1)
			go func() { done <- asks[c.ask](t.Context(), c.lang) }()
			s.window()
			s.do(append([]string{"key", "--clearmodifiers"}, c.keys...)...)
			got := <-done
			if got.pin != c.want.pin || got.index != c.want.index || !errors.Is(got.err, c.want.err) || (got.err == nil) != (c.want.err == nil) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			s.empty()
		})
	}
	for name, ask := range asks {
		t.Run("ended "+name, func(t *testing.T) {
			s.t = t
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan answer, 1)
			go func() { done <- ask(ctx, "fr") }()
			s.window()
			cancel()
			if got := <-done; !errors.Is(got.err, context.Canceled) || got.pin != "" {
				t.Errorf("got %+v", got)
			}
			s.empty()
		})
	}
}

// TestChooseWindow: the button "Suivant" shows the next certificate.
func TestChooseWindow(t *testing.T) {
	s := newScreen(t)
	gtk := needs(t, "pinentry-gtk-2", "pinentry-gtk2")
	done := make(chan int, 1)
	go func() {
		i, err := NewPinentry(PinentryOptions{Program: gtk}).Choose(t.Context(), "fr", site, []Holder{gp, nurse})
		if err != nil {
			i = -1
		}
		done <- i
	}()
	// The X server may give the second window the first one's number, so it is
	// its program that tells them apart.
	first := s.do("getwindowpid", s.window())
	s.do("key", "Tab", "Return")
	for end := time.Now().Add(15 * time.Second); ; {
		pid, err := exec.Command(s.xdotool, "search", "--onlyvisible", "--name", "^CPx Bridge$", "getwindowpid").Output()
		if now := strings.TrimSpace(string(pid)); err == nil && now != "" && now != first {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no second dialog")
		}
	}
	s.window()
	s.do("key", "Tab", "Tab", "Return")
	if i := <-done; i != 1 {
		t.Errorf("chose %d", i)
	}
	s.empty()
}

// TestNoSuchDisplay: a display that does not answer is an error, not a wait.
func TestNoSuchDisplay(t *testing.T) {
	gtk := needs(t, "pinentry-gtk-2", "pinentry-gtk2")
	t.Setenv("DISPLAY", ":65000")
	t.Setenv("WAYLAND_DISPLAY", "")
	_, err := NewPinentry(PinentryOptions{Program: gtk}).PIN(t.Context(), "fr", PIN{Caller: site, Holder: gp})
	if !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}
