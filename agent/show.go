package agent

import (
	"context"
	"sync"
	"time"
)

// window is the one that shows the state.
type window struct {
	mu      sync.Mutex
	opened  time.Time
	open    bool
	looking bool // the cards are, and the window comes
	anew    bool
	ended   bool
	close   context.CancelFunc
	running sync.WaitGroup
}

// windowPause is the least time between two windows that show the state: a
// program that asks again and again must not flood the person.
const windowPause = time.Second

// ShowState shows the state in a window until the person closes it or ctx
// ends, and returns at once. There is one such window at most: where it stands
// already, perhaps behind others, it makes place for a new one. One that waits for
// the cards to be looked at comes anyway: who clicks again would only put it off.
func (s *Server) ShowState(ctx context.Context) {
	w := &s.window
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || w.looking || !w.opened.IsZero() && s.now().Sub(w.opened) < windowPause {
		return
	}
	if w.open {
		w.anew = true
		w.close()
		return
	}
	w.open = true
	shown := s.nextWindow(ctx)
	w.running.Go(func() {
		for {
			s.tell(shown)
			w.mu.Lock()
			w.close()
			if !w.anew || w.ended || ctx.Err() != nil {
				w.open, w.anew = false, false
				w.mu.Unlock()
				return
			}
			shown = s.nextWindow(ctx)
			w.mu.Unlock()
		}
	})
}

// nextWindow is for the holder of the lock.
func (s *Server) nextWindow(ctx context.Context) context.Context {
	ctx, s.window.close = context.WithCancel(ctx)
	s.window.looking, s.window.anew = true, false
	return ctx
}

func (s *Server) tell(ctx context.Context) {
	s.log.Info("the state is shown")
	lang := s.State().Lang
	text := s.FullReport(ctx, lang).Text(lang)
	s.window.stands(s.now())
	if err := s.prompter.Tell(ctx, lang, Name, text); err != nil && ctx.Err() == nil {
		s.log.Info("the state cannot be shown", "error", err)
	}
}

// stands notes that the window is being opened.
func (w *window) stands(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looking, w.opened = false, now
}

// end closes the window, and waits for it to be gone: nothing is left behind on
// the person's desktop.
func (w *window) end() {
	w.mu.Lock()
	w.ended = true
	if w.open {
		w.close()
	}
	w.mu.Unlock()
	w.running.Wait()
}
