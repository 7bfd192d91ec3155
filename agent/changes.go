package agent

import (
	"context"
	"slices"
	"sync"
)

// changes wakes those who show the agent's state. Nobody waits for a listener.
type changes struct {
	mu        sync.Mutex
	listeners []chan struct{}
}

// tell wakes all listeners. One that is slow misses nothing: it finds one value
// waiting, and reads the state as it then is.
func (c *changes) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.listeners {
		select {
		case l <- struct{}{}:
		default:
		}
	}
}

func (c *changes) listen(ctx context.Context) <-chan struct{} {
	l := make(chan struct{}, 1)
	c.mu.Lock()
	c.listeners = append(c.listeners, l)
	c.mu.Unlock()
	context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.listeners = slices.DeleteFunc(c.listeners, func(x chan struct{}) bool { return x == l })
	})
	return l
}
