package agent

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// telling is a person who leaves a window standing until it is closed.
type telling struct {
	fakePerson
	open, most, all atomic.Int32
	shown           chan string
	first           atomic.Pointer[context.Context]
}

func (p *telling) Tell(ctx context.Context, lang, title, text string) error {
	n := p.open.Add(1)
	defer p.open.Add(-1)
	p.most.Store(max(p.most.Load(), n))
	p.all.Add(1)
	p.first.CompareAndSwap(nil, &ctx)
	p.shown <- lang + "\n" + title + "\n" + text
	<-ctx.Done()
	return ctx.Err()
}

// testClock is moved by the test.
type testClock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func TestShowState(t *testing.T) {
	cards, person := oneCard(t)
	clock := &testClock{t: time.Now()}
	s := serve(t, setup{cards: cards, person: person, now: clock.now, settings: "lang = \"en\"\n"})
	p := &telling{fakePerson: person, shown: make(chan string, 100)}
	s.prompter = p
	s.ShowState(t.Context())
	first := <-p.shown
	for _, part := range []string{"en\n", Name, "CPx Bridge test is running", "127.0.0.1:", "TEST module", "TEST reader"} {
		if !strings.Contains(first, part) {
			t.Errorf("%q is missing:\n%s", part, first)
		}
	}
	// A flood makes no second window.
	for range 1000 {
		s.ShowState(t.Context())
	}
	if (*p.first.Load()).Err() != nil {
		t.Error("a flood closes the window")
	}
	// Later on, when the first may lie behind others, one makes place for the next.
	for range 3 {
		clock.advance(windowPause)
		for range 100 {
			s.ShowState(t.Context())
		}
		<-p.shown
	}
	if p.most.Load() != 1 || p.all.Load() != 4 {
		t.Errorf("%d windows at once, %d in all; want 1 and 4", p.most.Load(), p.all.Load())
	}
	s.window.end()
	if n := p.open.Load(); n != 0 {
		t.Errorf("%d windows stand after the agent's end", n)
	}
	clock.advance(time.Hour)
	s.ShowState(t.Context())
	s.window.end()
	if n := p.all.Load(); n != 4 {
		t.Errorf("a window after the agent's end: %d", n)
	}
}

// TestShowStateWhileLooking: clicks while the module hangs end no look and keep no
// window away.
func TestShowStateWhileLooking(t *testing.T) {
	cards, person := oneCard(t)
	clock := &testClock{t: time.Now()}
	h := hanging{cards, make(chan struct{}, 100)}
	s := serve(t, setup{cards: cards, over: h, person: person, now: clock.now, settings: "lang = \"en\"\n"})
	s.Report(t.Context(), false) // the first look has ended
	p := &telling{fakePerson: person, shown: make(chan string, 100)}
	s.prompter = p
	s.ShowState(t.Context())
	<-h.asked
	for range 3 {
		clock.advance(windowPause)
		s.ShowState(t.Context())
	}
	shown := <-p.shown
	if err := (*p.first.Load()).Err(); err != nil || p.all.Load() != 1 || len(h.asked) != 0 {
		t.Errorf("%v: %d windows, %d more looks", err, p.all.Load(), len(h.asked))
	}
	if !strings.Contains(shown, "from the last look") {
		t.Error(shown)
	}
	s.window.end()
}
