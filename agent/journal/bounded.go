package journal

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// What standard error takes: on a desktop it ends up in a file that nothing bounds
// (.xsession-errors), or pushes other programs' lines out of the system's journal.
const (
	printedAtOnce = 1 << 20         // bytes
	printedADay   = 512 << 10       // bytes, after those
	printedResume = printedADay / 8 // bytes that there must be capacity for before it goes on
)

// bounded writes lines to w as long as there are not too many, and says how many it
// left out. A terminal gets all: a person reads it.
type bounded struct {
	w io.Writer

	mu       sync.Mutex
	capacity *bucket
	terminal bool
	out      int // lines left out
}

// Write writes a line.
func (b *bounded) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.capacity == nil {
		b.capacity = newBucket(printedAtOnce, 24*time.Hour/printedADay, now)
		f, ok := b.w.(*os.File)
		b.terminal = ok && term.IsTerminal(int(f.Fd()))
	}
	switch {
	case b.terminal:
	case b.out > 0 && !b.capacity.has(printedResume, now), b.out == 0 && !b.capacity.has(float64(len(line)), now):
		if b.out++; b.out == 1 {
			b.say("further lines are left out here for a while, and stand in the log's file")
		}
		return len(line), nil
	case b.out > 0:
		b.missing()
	}
	b.capacity.use(float64(len(line)), now)
	return b.w.Write(line)
}

// close says what was left out.
func (b *bounded) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.out > 0 {
		b.missing()
	}
}

// missing says how many lines were left out; b.mu is held.
func (b *bounded) missing() {
	b.say(fmt.Sprintf("lines are missing here\" lines=%d why=\"standard error is bounded", b.out))
	b.out = 0
}

func (b *bounded) say(text string) {
	fmt.Fprintf(b.w, "time=%s level=WARN msg=\"%s\"\n", time.Now().Format(stamp), text)
}
