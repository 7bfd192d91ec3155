package notify

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// desktop shows notes, or fails to.
type desktop struct {
	shown  []string
	back   []string // taken back
	broken bool
}

func (d *desktop) send(_ context.Context, n Note) (func(), error) {
	if d.broken {
		return nil, ErrUnsupported
	}
	d.shown = append(d.shown, n.Title+"\n"+n.Body)
	return func() { d.back = append(d.back, n.Body) }, nil
}

// fresh is the notifier of a newly started agent.
func fresh(t *testing.T, dir string, d *desktop, now *time.Time) *notifier {
	t.Helper()
	return &notifier{sent: read(dir), shown: map[string]func(){}, Options: Options{
		StateDir: dir, Logger: slog.New(slog.DiscardHandler), Send: d.send, Now: func() time.Time { return *now },
	}}
}

func (d *desktop) got(t *testing.T, what string, want ...string) {
	t.Helper()
	if len(d.shown) != len(want) {
		t.Errorf("%s: %q, want %q", what, d.shown, want)
	}
	for i := range min(len(want), len(d.shown)) {
		if !strings.Contains(d.shown[i], want[i]) {
			t.Errorf("%s: %q, want %q", what, d.shown[i], want[i])
		}
	}
	d.shown = nil
}

func TestWhenAndHowOften(t *testing.T) {
	dir, d, now := filepath.Join(t.TempDir(), "state"), &desktop{}, time.Unix(1e9, 0)
	card := Card{ID: "a", NotAfter: "01/02/2027"}
	s := State{Lang: "fr", Cards: []Card{card}}

	fresh(t, dir, d, &now).notify(t.Context(), s)
	d.got(t, "first start", "CPx Bridge est prêt", "La carte qui est dans le lecteur expire le 01/02/2027")
	second := fresh(t, dir, d, &now)
	for range 3 {
		second.notify(t.Context(), s)
	}
	d.got(t, "second start")
	now = now.Add(week - time.Second)
	second.notify(t.Context(), s)
	d.got(t, "six days later")
	now = now.Add(time.Second)
	s.Cards = append(s.Cards, Card{ID: "b", NotAfter: "02/02/2027"})
	second.notify(t.Context(), s)
	d.got(t, "a week later", "01/02/2027", "02/02/2027")

	s = State{Lang: "en", Keyring: "The keyring is locked."}
	second.notify(t.Context(), s)
	fresh(t, dir, d, &now).notify(t.Context(), s)
	d.got(t, "keyring", "Sites are not remembered\nThe keyring is locked.")
	second = fresh(t, dir, d, &now)
	second.notify(t.Context(), State{Lang: "en"}) // it works
	second.notify(t.Context(), s)
	d.got(t, "keyring, the same day")
	now = now.Add(week)
	fresh(t, dir, d, &now).notify(t.Context(), s)
	d.got(t, "keyring, news again", "The keyring is locked.")
	now = now.Add(10 * week)
	second.sent = read(dir)
	second.notify(t.Context(), s)
	d.got(t, "keyring, never worked since")
}

// TestCardGone: a note about a card is taken back when that card leaves, and no
// other note is.
func TestCardGone(t *testing.T) {
	d, now := &desktop{}, time.Unix(1e9, 0)
	n := fresh(t, filepath.Join(t.TempDir(), "state"), d, &now)
	first, second := Card{ID: "a", NotAfter: "01/02/2027"}, Card{ID: "b", NotAfter: "02/02/2027"}
	n.notify(t.Context(), State{Lang: "fr", Cards: []Card{first}})
	n.notify(t.Context(), State{Lang: "fr", Cards: []Card{first}})
	if len(d.back) != 0 {
		t.Errorf("taken back while the card is there: %q", d.back)
	}
	n.notify(t.Context(), State{Lang: "fr", Cards: []Card{second}}) // the next person's
	if len(d.back) != 1 || !strings.Contains(d.back[0], "01/02/2027") {
		t.Errorf("taken back: %q", d.back)
	}
	n.notify(t.Context(), State{Lang: "fr"})
	n.notify(t.Context(), State{Lang: "fr", Cards: []Card{first}}) // within the week: not shown again
	n.notify(t.Context(), State{Lang: "fr"})
	if len(d.back) != 2 || !strings.Contains(d.back[1], "02/02/2027") {
		t.Errorf("taken back: %q", d.back)
	}
}

// TestPaused: each pause of the sites that are not allowed is shown once.
func TestPaused(t *testing.T) {
	d, now := &desktop{}, time.Unix(1e9, 0)
	n := fresh(t, filepath.Join(t.TempDir(), "state"), d, &now)
	n.notify(t.Context(), State{Lang: "fr"})
	d.got(t, "start", "CPx Bridge est prêt")
	for range 2 {
		for range 3 {
			n.notify(t.Context(), State{Lang: "fr", Paused: "TEST jusqu’à 14:05"})
		}
		d.got(t, "a pause", "Trop de demandes de sites inconnus\nTEST jusqu’à 14:05")
		n.notify(t.Context(), State{Lang: "fr"})
		d.got(t, "its end")
	}
}

// TestNobodyShows: where sending fails, there is a pause, and what was not shown is
// sent later.
func TestNobodyShows(t *testing.T) {
	dir, d, now := t.TempDir(), &desktop{broken: true}, time.Unix(1e9, 0)
	tries := 0
	n := fresh(t, dir, d, &now)
	n.Send = func(ctx context.Context, n Note) (func(), error) { tries++; return d.send(ctx, n) }
	for range 100 {
		n.notify(t.Context(), State{Lang: "fr"})
	}
	if tries != 1 {
		t.Errorf("%d tries", tries)
	}
	d.broken = false
	n.notify(t.Context(), State{Lang: "fr"})
	d.got(t, "too early")
	now = now.Add(retry)
	n.notify(t.Context(), State{Lang: "fr"})
	d.got(t, "later", "CPx Bridge est prêt")
}

func TestSaved(t *testing.T) {
	dir, now := t.TempDir(), time.Unix(1e9, 0)
	path := filepath.Join(dir, file)
	for _, text := range []string{"", "{", `{"ready":5}`, "null"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := read(dir); !got.Ready.IsZero() || got.Cards == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
	old := sent{Ready: now, Cards: map[string]time.Time{"old": now.Add(-11 * week), "new": now}}
	if err := old.write(dir, now); err != nil {
		t.Fatal(err)
	}
	if got := read(dir); len(got.Cards) != 1 || !got.Cards["new"].Equal(now) || !got.Ready.Equal(now) {
		t.Errorf("%+v", got)
	}
	// Where the folder is not writable, this run sends a note only once all the same.
	d := &desktop{}
	n := fresh(t, "/proc/nowhere", d, &now)
	for range 3 {
		n.notify(t.Context(), State{Lang: "en"})
	}
	d.got(t, "nothing can be saved", "CPx Bridge is ready")
}

// TestRun: Run follows changes and ends with its context, even while a desktop hangs.
func TestRun(t *testing.T) {
	changes, sent := make(chan struct{}), make(chan string)
	s := State{Lang: "en"}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Run(ctx, Options{State: func() State { return s }, Changes: changes, StateDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler),
			Send: func(ctx context.Context, n Note) (func(), error) {
				select {
				case sent <- n.Title:
					return func() {}, nil
				case <-ctx.Done():
					return nil, errors.New("TEST: hangs")
				}
			}})
	}()
	if got := <-sent; got != "CPx Bridge is ready" {
		t.Error(got)
	}
	s.Keyring = "TEST"
	changes <- struct{}{}
	if got := <-sent; got != "Sites are not remembered" {
		t.Error(got)
	}
	s.Cards = []Card{{ID: "a"}}
	changes <- struct{}{}
	cancel() // nobody receives that note
	<-ended
}

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{"Dr É": "Dr É", "a\u202eb": "a\uFFFDb", "a\x1bb": "a\uFFFDb", "a\nb": "a\uFFFDb", "a\u200bb": "a\uFFFDb"} {
		if got := safe(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if n := len([]rune(safe(strings.Repeat("é", 10000)))); n != maxText {
		t.Errorf("%d characters", n)
	}
}
