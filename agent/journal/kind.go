package journal

import (
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
)

// line is a record with all its attributes, and what it is the same as.
type line struct {
	record  slog.Record
	attrs   []slog.Attr
	mark    string // of package audit, or ""
	allowed bool   // of a site that may log in
	message string
	kind    string // what it is counted as
	same    string // what makes it the same line
	// reference is the failure's that the line tells of, or "".
	reference string
	size      float64
}

// newLine makes a record's line; a marked one's long values are shortened.
func newLine(r slog.Record, attrs []slog.Attr) line {
	if attrs == nil {
		r.Attrs(func(a slog.Attr) bool { attrs = append(attrs, a); return true })
	}
	l := line{attrs: attrs, message: r.Level.String() + " " + r.Message, size: float64(len(r.Message) + 64)}
	for _, a := range attrs {
		switch {
		case a.Key == audit.Key:
			l.mark = a.Value.String()
		case a.Key == "allowed":
			l.allowed = a.Value.String() == "true"
		}
	}
	var kind, same strings.Builder
	kind.WriteString(l.message)
	for i, a := range attrs {
		text := a.Value.String()
		if l.mark != "" && len(text) > maxValue {
			text = clip(text)
			attrs[i].Value = slog.StringValue(text)
		}
		l.size += float64(len(a.Key) + len(strconv.Quote(text)) + 2)
		part := "\x00" + a.Key + "\x00" + text
		switch {
		case kindKeys[a.Key]:
			kind.WriteString(part)
		case a.Key == reference.Key: // each has one of its own
			l.reference = text
		case a.Key != "ms": // how long it took makes it no other line
			same.WriteString(part)
		}
	}
	l.kind, l.same = kind.String(), same.String()
	l.record = slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	l.record.AddAttrs(attrs...)
	return l
}

// kind counts the lines of one kind.
type kind struct {
	capacity *bucket
	lines    map[string]*sum // the followed ones, by line.same
	others   *sum
	seen     time.Time
	wait     time.Duration // for the next time that counts are written
	timer    *time.Timer   // nil where nothing is counted
}

// sum counts lines.
type sum struct {
	capacity    *bucket
	n           int
	first, last time.Time // of those
	seen        time.Time
	attrs       []slog.Attr // which all that were counted have
	of          slog.Record // the first of them
	references  []string    // the last of them: a person who calls has the last one before them
}

func newKind(now time.Time) *kind {
	return &kind{capacity: newBucket(kindAtOnce, kindBack, now), lines: map[string]*sum{}, others: &sum{capacity: newBucket(kindAtOnce, kindBack, now)}, wait: firstSum}
}

// admits reports whether a line is written, and uses up what it needs.
func (k *kind) admits(l line, share *bucket, now time.Time) bool {
	s := k.sum(l, now)
	k.seen, s.seen = now, now
	if !s.capacity.has(1, now) || !k.capacity.has(1, now) || share != nil && !share.has(l.size, now) {
		return false
	}
	s.capacity.use(1, now)
	k.capacity.use(1, now)
	if share != nil {
		share.use(l.size, now)
	}
	return true
}

// sum is where a line is counted.
func (k *kind) sum(l line, now time.Time) *sum {
	if s := k.lines[l.same]; s != nil {
		return s
	}
	if len(k.lines) >= followed {
		maps.DeleteFunc(k.lines, func(_ string, s *sum) bool { return s.n == 0 && now.Sub(s.seen) >= lastSum })
	}
	if len(k.lines) >= followed {
		return k.others
	}
	s := &sum{capacity: newBucket(linesAtOnce, lineBack, now)}
	k.lines[l.same] = s
	return s
}

// count counts a line that was not written.
func (k *kind) count(l line, now time.Time) {
	s := k.sum(l, now)
	if s.n == 0 {
		s.first, s.of, s.attrs = now, l.record, l.attrs
	} else {
		s.attrs = slices.DeleteFunc(slices.Clone(s.attrs), func(a slog.Attr) bool { return !slices.ContainsFunc(l.attrs, a.Equal) })
	}
	s.n++
	s.last = now
	if l.reference != "" {
		s.references = append(s.references, l.reference)
		s.references = s.references[max(0, len(s.references)-maxReferences):]
	}
}

// sums are the counts that are not written yet, the oldest first.
func (k *kind) sums() []*sum {
	var all []*sum
	for _, s := range k.lines {
		all = append(all, s)
	}
	all = slices.DeleteFunc(append(all, k.others), func(s *sum) bool { return s.n == 0 })
	slices.SortFunc(all, func(a, b *sum) int { return a.first.Compare(b.first) })
	return all
}

// counted is how many lines are counted and not written yet.
func (k *kind) counted() (n int) {
	for _, s := range k.sums() {
		n += s.n
	}
	return n
}

// forgotten reports whether a kind is new again.
func (k *kind) forgotten(now time.Time) bool {
	return now.Sub(k.seen) >= lastSum && k.counted() == 0
}

// record is the line that says the count, with what was the same in all.
func (s *sum) record(now time.Time) slog.Record {
	r := slog.NewRecord(now, s.of.Level, s.of.Message, 0)
	r.AddAttrs(s.attrs...)
	if s.n > 1 && len(s.references) > 0 {
		r.AddAttrs(slog.String("references", strings.Join(s.references, ",")))
	}
	r.AddAttrs(slog.Int("more", s.n), slog.String("first", s.first.Format(stamp)), slog.String("last", s.last.Format(stamp)))
	return r
}

func (s *sum) clear() { s.n, s.attrs, s.of, s.references = 0, nil, slog.Record{}, nil }
