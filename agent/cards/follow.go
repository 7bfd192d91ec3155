package cards

import (
	"context"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// follow follows the readers until ctx ends, or until the watch is to begin anew. A watch that
// waits in a service which is gone, and cannot be ended, is abandoned: what it reports later
// counts no more.
func (c *Cards) follow(ctx context.Context) {
	watching, end := context.WithCancel(ctx)
	defer end()
	c.watch.set(end)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Watch(watching, func(e pcsc.Event) {
			if watching.Err() == nil {
				c.event(ctx, e)
			}
		})
	}()
	<-watching.Done()
	select {
	case <-ended:
	case <-time.After(c.Limits.Unwatch):
		c.Logger.Info("a wait for the readers does not end")
	}
}

// watchEnd ends the watch that runs. The zero value is ready.
type watchEnd struct {
	mu  sync.Mutex
	end func() // of the watch that runs; nil: none does
}

func (r *watchEnd) set(end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end = end
}

func (r *watchEnd) ask() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.end != nil {
		r.end()
	}
}
