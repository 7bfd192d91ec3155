package testdesktop

import (
	"bytes"
	"sync"
	"time"
)

// Output collects what a program prints while a test reads it. It may be used
// concurrently.
type Output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	printed chan struct{} // closed by the next Write, nil while nobody waits for it
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.printed != nil {
		close(o.printed)
		o.printed = nil
	}
	return o.text.Write(p)
}

// Await waits until so is true of what was printed, no longer than limit. It returns what
// was printed by then, and whether so is true of it.
func (o *Output) Await(limit time.Duration, so func(text string) bool) (text string, ok bool) {
	end := time.After(limit)
	for {
		text, printed := o.next()
		if so(text) {
			return text, true
		}
		select {
		case <-printed:
		case <-end:
			return text, false
		}
	}
}

// next returns what was printed so far, and what is closed once there is more.
func (o *Output) next() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.printed == nil {
		o.printed = make(chan struct{})
	}
	return o.text.String(), o.printed
}

// String returns what was printed so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
