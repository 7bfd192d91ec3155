package broadcast

import (
	"context"
	"testing"
)

// A listener that is slow finds one value, one whose context ended none, and
// publishing waits for neither.
func TestSignal(t *testing.T) {
	var s Signal
	ctx, cancel := context.WithCancel(t.Context())
	slow, gone := s.Listen(t.Context()), s.Listen(ctx)
	cancel()
	for {
		s.mu.Lock()
		n := len(s.listeners)
		s.mu.Unlock()
		if n == 1 {
			break
		}
	}
	for range 3 {
		s.Publish()
	}
	<-slow
	select {
	case <-slow:
		t.Error("a second value was waiting")
	case <-gone:
		t.Error("a listener whose context ended was woken")
	default:
	}
}
