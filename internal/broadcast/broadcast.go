// Package broadcast wakes those who show something when it has changed.
//
// A [Signal] may be used from any goroutine, and its zero value is ready. It
// carries no value, and publishing never waits for a listener.
package broadcast

import (
	"context"
	"slices"
	"sync"
)

// Signal has any number of listeners.
type Signal struct {
	mu        sync.Mutex
	listeners []chan struct{}
}

// Publish wakes all listeners. A slow one misses nothing: it finds one value
// waiting, and reads the state as it then is.
func (s *Signal) Publish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		select {
		case l <- struct{}{}:
		default:
		}
	}
}

// Listen returns a channel that gets a value after each Publish, until ctx ends.
func (s *Signal) Listen(ctx context.Context) <-chan struct{} {
	l := make(chan struct{}, 1)
	s.mu.Lock()
	s.listeners = append(s.listeners, l)
	s.mu.Unlock()
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.listeners = slices.DeleteFunc(s.listeners, func(x chan struct{}) bool { return x == l })
	})
	return l
}
