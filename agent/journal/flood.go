package journal

import (
	"context"
	"log/slog"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
)

// How often the same is written before it is counted instead. A kind is a message with
// the attributes of kindKeys; the same line has the same other attributes too. Who
// floods the log chooses these others freely, so that only a few are followed.
const (
	linesAtOnce = 5                // of the same line
	lineBack    = 10 * time.Minute // after which one more of it is written
	kindAtOnce  = 24               // lines of one kind
	kindBack    = 5 * time.Minute
	followed    = 4   // different lines of one kind whose counts are kept apart
	maxKinds    = 128 // counted apart; further ones by their message alone

	firstSum = time.Second // after which a count is first written; then four times as long each time
	lastSum  = time.Hour   // at most; a kind that did not come for as long is new again

	// What others than the person can have written into the files of the marked lines,
	// whatever they do: months fit. Allowed sites have as much again.
	markedAtOnce = 256 << 10 // bytes
	markedADay   = 32 << 10

	flushesAtOnce = 200 // on request; more than a person asks for
	flushBack     = time.Second

	maxValue = 200 // bytes of a value in a marked line

	// References of counted lines that stand in the line with the count: more than a person
	// causes by hand before it is written, and no more than maxValue holds.
	maxReferences = maxValue / (reference.Length + 1)
)

// kindKeys are the attributes whose values an outsider cannot choose at will.
var kindKeys = map[string]bool{audit.Key: true, "reason": true, "code": true, "uid": true, "account": true, "allowed": true}

// flood is the handler that counts. Debug lines, which somebody asked for, and logins
// for which a person entered a PIN are never counted.
type flood struct {
	*counts
	with   []slog.Attr
	prefix string // of a group
}

// counts is what all handlers of one log share.
type counts struct {
	next slog.Handler

	mu      sync.Mutex
	kinds   map[string]*kind
	share   map[bool]*bucket // of what is marked, for allowed sites and for others
	flushes *bucket
	closed  bool
}

func newFlood(next slog.Handler) *flood {
	return &flood{counts: &counts{next: next, kinds: map[string]*kind{}}}
}

// Enabled reports whether the handler below wants the level.
func (f *flood) Enabled(ctx context.Context, level slog.Level) bool {
	return f.next.Enabled(ctx, level)
}

// WithAttrs keeps the attributes: they belong to what is the same.
func (f *flood) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &flood{f.counts, f.join(attrs), f.prefix}
}

// WithGroup puts the group's name before the keys.
func (f *flood) WithGroup(name string) slog.Handler {
	if name == "" {
		return f
	}
	return &flood{f.counts, f.with, f.prefix + name + "."}
}

func (f *flood) join(attrs []slog.Attr) []slog.Attr {
	all := make([]slog.Attr, 0, len(f.with)+len(attrs))
	all = append(all, f.with...)
	for _, a := range attrs {
		a.Key = f.prefix + a.Key
		a.Value = a.Value.Resolve()
		all = append(all, a)
	}
	return all
}

// Handle writes a record, or counts it.
func (f *flood) Handle(ctx context.Context, r slog.Record) error {
	own := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool { own = append(own, a); return true })
	l := newLine(r, f.join(own))
	if r.Level < slog.LevelInfo || l.mark == audit.Signed.Value.String() {
		return f.next.Handle(ctx, l.record)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return f.next.Handle(ctx, l.record)
	}
	now := time.Now()
	k := f.kind(l, now)
	if k.admits(l, f.shareOf(l, now), now) {
		return f.next.Handle(ctx, l.record)
	}
	k.count(l, now)
	f.schedule(k)
	return nil
}

// shareOf is what may still be written of what others cause, or nil where the line is
// not marked; f.mu is held.
func (c *counts) shareOf(l line, now time.Time) *bucket {
	if l.mark == "" {
		return nil
	}
	if c.share == nil {
		c.share = map[bool]*bucket{}
	}
	if c.share[l.allowed] == nil {
		c.share[l.allowed] = newBucket(markedAtOnce, 24*time.Hour/markedADay, now)
	}
	return c.share[l.allowed]
}

// kind is the kind of a line; c.mu is held.
func (c *counts) kind(l line, now time.Time) *kind {
	if k := c.kinds[l.kind]; k != nil && !k.forgotten(now) {
		return k
	}
	if len(c.kinds) >= maxKinds {
		maps.DeleteFunc(c.kinds, func(_ string, k *kind) bool { return k.forgotten(now) })
	}
	key := l.kind
	if len(c.kinds) >= maxKinds {
		key = l.message // of which there are as many as the program's text has
	}
	if k := c.kinds[key]; k == nil || k.forgotten(now) {
		c.kinds[key] = newKind(now)
	}
	return c.kinds[key]
}

// schedule has the kind's counts written when they are due; c.mu is held.
func (c *counts) schedule(k *kind) {
	if k.timer != nil {
		return
	}
	k.timer = time.AfterFunc(k.wait, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		k.timer = nil
		if c.closed {
			return
		}
		if k.counted() == 0 { // flushed
			return
		}
		c.write(k, false)
		k.wait = min(4*k.wait, lastSum)
		if k.counted() > 0 { // there was no share left
			c.schedule(k)
		}
	})
}

// write writes a kind's counts, with always also where others have used up their
// share; c.mu is held.
func (c *counts) write(k *kind, always bool) {
	now := time.Now()
	for _, s := range k.sums() {
		l := newLine(s.record(now), nil)
		share := c.shareOf(l, now)
		if !always && share != nil && !share.has(l.size, now) {
			return
		}
		if share != nil {
			share.use(l.size, now)
		}
		s.clear()
		_ = c.next.Handle(context.Background(), l.record) // each file reports by itself that it cannot be written
	}
}

// flush writes all counts.
func (c *counts) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.flushes == nil {
		c.flushes = newBucket(flushesAtOnce, flushBack, now)
	}
	if !c.flushes.has(1, now) {
		return
	}
	c.flushes.use(1, now)
	for _, k := range c.kinds {
		c.write(k, false)
	}
}

// close writes all counts; what comes later is written at once.
func (c *counts) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, k := range c.kinds {
		if k.timer != nil {
			k.timer.Stop()
		}
		c.write(k, true)
	}
}

// clip shortens a long value, and says how long it was.
func clip(text string) string {
	if len(text) <= maxValue {
		return text
	}
	end := maxValue
	for end > maxValue-4 && text[end]&0xC0 == 0x80 { // inside a character
		end--
	}
	return text[:end] + "… (" + strconv.Itoa(len(text)) + " bytes)"
}
