package notify

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	procFindWindow = user32.NewProc("FindWindowExW")
	procVisible    = user32.NewProc("IsWindowVisible")
	procSend       = user32.NewProc("SendMessageW")
)

// The program's first thread stays with its first goroutine: Go does not end that one, and no
// note is to be on it when a test awaits the end of a note's thread.
func init() { runtime.LockOSThread() }

// patience is how long the test waits for the task bar.
const patience = 20 * time.Second

// balloons are the texts of the balloons on the screen: in wine they are tips of the task
// bar's process.
func balloons(t *testing.T) (texts []string) {
	t.Helper()
	class, err := windows.UTF16PtrFromString("tooltips_class32")
	if err != nil {
		t.Fatal(err)
	}
	const getText = 0xd
	for window := uintptr(0); ; {
		if window, _, _ = procFindWindow.Call(0, window, uintptr(unsafe.Pointer(class)), 0); window == 0 {
			return texts
		}
		var text [maxBody + 1]uint16
		_, _, _ = procSend.Call(window, getText, uintptr(len(text)), uintptr(unsafe.Pointer(&text[0])))
		if visible, _, _ := procVisible.Call(window); visible != 0 && text[0] != 0 {
			texts = append(texts, windows.UTF16ToString(text[:]))
		}
	}
}

// awaitBalloon waits until a balloon with that text is there, or until there is none.
func awaitBalloon(t *testing.T, text string, there bool) {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		all := strings.Join(balloons(t), "\n")
		if there && strings.Contains(all, text) || !there && all == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("a balloon %q is to be there: %v; there are:\n%s", text, there, all)
		}
	}
}

// TestBalloon: the task bar shows a note, whole where it is short enough, and the note is
// gone with who sent it.
func TestBalloon(t *testing.T) {
	for _, n := range []Note{
		{"Votre carte expire bientôt", "La carte d’Hélène TEST expire le 31/12/2027 : pensez à la faire renouveler."},
		{strings.Repeat("é", 200), strings.Repeat("œ", 1000)},
		{"\u202e", strings.Repeat("😀", 300)},
	} {
		if _, err := Send(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		want := n.Body
		if len([]rune(want)) > maxBody {
			want = string([]rune(want)[:100])
		}
		awaitBalloon(t, want, true)
		withdraw()
		awaitBalloon(t, "", false)
	}
}

// TestSeveralBalloons: those of one agent are all withdrawn at its end.
func TestSeveralBalloons(t *testing.T) {
	for range 5 {
		if _, err := Send(t.Context(), Note{"TEST", "TEST"}); err != nil {
			t.Fatal(err)
		}
	}
	withdraw()
	awaitBalloon(t, "", false)
	shown.mu.Lock()
	defer shown.mu.Unlock()
	if len(shown.windows) != 0 {
		t.Errorf("%d notes are still shown", len(shown.windows))
	}
}

// TestRetract: one note is taken back, and others stay.
func TestRetract(t *testing.T) {
	retract, err := Send(t.Context(), Note{"TEST", "one"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Send(t.Context(), Note{"TEST", "two"}); err != nil {
		t.Fatal(err)
	}
	retract()
	for end := time.Now().Add(patience); ; {
		shown.mu.Lock()
		n := len(shown.windows)
		shown.mu.Unlock()
		if n == 1 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d notes are shown", n)
		}
	}
	retract() // its window is nobody's now
	awaitBalloon(t, "two", true)
	withdraw()
	awaitBalloon(t, "", false)
}

// onTaskBar has something done before each request to the task bar, for the test's time.
func onTaskBar(t *testing.T, before func(what uintptr, icon *notifyIconData)) {
	real := taskBar
	t.Cleanup(func() { withdraw(); taskBar = real })
	taskBar = func(what uintptr, icon *notifyIconData) error {
		before(what, icon)
		return real(what, icon)
	}
}

// TestSendEnds: a caller whose time is up does not wait for the task bar, and what is shown
// of the note thereafter is withdrawn.
func TestSendEnds(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	onTaskBar(t, func(what uintptr, _ *notifyIconData) {
		if what == iconAdd {
			close(asked)
			<-release
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan error, 1)
	go func() {
		_, err := Send(ctx, Note{"TEST", "TEST"})
		sent <- err
	}()
	<-asked
	cancel()
	select {
	case err := <-sent:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	case <-time.After(patience):
		t.Error("the caller waits for the task bar")
	}
	close(release)
	withdraw()
	awaitBalloon(t, "", false)
}

// TestNotOpenYet: a note that is not open yet when all are withdrawn is not shown.
func TestNotOpenYet(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		if _, err := Send(ctx, Note{"TEST", "TEST"}); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		withdraw()
	}
	awaitBalloon(t, "", false)
}

// TestThreadEnds: a note's thread ends with it, whatever is in its queue by then. As Windows
// deletes the icon it sends that the balloon is hidden, after the note's last message: the
// WM_QUIT of that would end the window of whoever has the thread next.
func TestThreadEnds(t *testing.T) {
	threads := make(chan windows.Handle, 1)
	onTaskBar(t, func(what uintptr, icon *notifyIconData) {
		if what != iconDelete {
			return
		}
		thread, err := windows.OpenThread(windows.SYNCHRONIZE, false, windows.GetCurrentThreadId())
		if err != nil {
			t.Error(err)
		}
		_, _, _ = procSend.Call(icon.window, wmNote, 0, balloonHidden)
		threads <- thread
	})
	if _, err := Send(t.Context(), Note{"TEST", "TEST"}); err != nil {
		t.Fatal(err)
	}
	withdraw()
	thread := <-threads
	defer windows.CloseHandle(thread)
	if event, err := windows.WaitForSingleObject(thread, uint32(patience.Milliseconds())); err != nil || event != windows.WAIT_OBJECT_0 {
		t.Errorf("the thread goes on: %d, %v", event, err)
	}
}

// TestFill: a text ends with a zero, and no half of a character is at its end.
func TestFill(t *testing.T) {
	for text, want := range map[string]string{"": "", "abc": "abc", "abcd": "abc", "ab😀": "ab", "a😀": "a😀"} {
		to := [4]uint16{9, 9, 9, 0}
		clear(to[:])
		fill(to[:], text)
		if got := windows.UTF16ToString(to[:]); got != want || to[3] != 0 {
			t.Errorf("%q: %q %v", text, got, to)
		}
	}
}
