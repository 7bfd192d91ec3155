package windowslab

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// output is what a program prints, line by line, for those who wait for a line.
type output struct {
	mu      sync.Mutex
	partial []byte
	lines   []string
	ended   bool
	changed chan struct{} // closed and replaced at each change
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.partial = append(o.partial, p...)
	for {
		line, rest, whole := bytes.Cut(o.partial, []byte("\n"))
		if !whole {
			break
		}
		o.lines = append(o.lines, strings.TrimRight(string(line), "\r"))
		o.partial = bytes.Clone(rest)
	}
	o.notify()
	return len(p), nil
}

func (o *output) notify() {
	close(o.changed)
	o.changed = make(chan struct{})
}

// end says that nothing more comes.
func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.partial) > 0 {
		o.lines, o.partial = append(o.lines, string(o.partial)), nil
	}
	o.ended = true
	o.notify()
}

// over reports that nothing more comes.
func (o *output) over() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ended
}

// count is how many lines there are: a mark for next.
func (o *output) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.lines)
}

// next waits for a line from the mark on that fits, and returns it with the mark after
// it; ok is false where there is none in time, or the output has ended.
func (o *output) next(mark int, limit time.Duration, fits func(string) bool) (line string, after int, ok bool) {
	end := time.After(limit)
	for {
		o.mu.Lock()
		i := slices.IndexFunc(o.lines[mark:], fits)
		changed, ended := o.changed, o.ended
		if i >= 0 {
			line = o.lines[mark+i]
		}
		o.mu.Unlock()
		if i >= 0 {
			return line, mark + i + 1, true
		}
		if ended {
			return "", mark, false
		}
		select {
		case <-changed:
		case <-end:
			return "", mark, false
		}
	}
}

// since are the lines from the mark on.
func (o *output) since(mark int) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.lines[min(mark, len(o.lines)):])
}

// tail are the last lines, for a failure.
func (o *output) tail(n int) string {
	lines := o.since(0)
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// follow copies what a program writes to a file, until it has ended. Nothing reports
// the writes of a program in wine sooner than the file's length.
func (o *output) follow(file *os.File, ended <-chan struct{}) {
	last := false
	for !last {
		select {
		case <-ended:
			last = true
		case <-time.After(10 * time.Millisecond):
		}
		_, _ = io.Copy(o, file)
	}
	o.end()
}
