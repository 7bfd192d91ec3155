package pkcs11

import (
	"cmp"
	"reflect"
	"slices"
	"time"
)

// Where PC/SC says nothing of a slot, its token is read for each login, and mostly is what
// it was. A module's process keeps the calls of the last such reading and what they gave,
// makes them once more when it is asked to, and compares: that costs one round trip, and
// where nothing differs what was made of the reading holds, down to its certificates.

// rereading is a driver that can make the calls of a reading again.
type rereading interface {
	// record has the calls from here on be a reading, until end is called.
	record() (end func())
	// repeat reports whether all calls of the last recorded reading give what they gave. It
	// fails where the process does.
	repeat() (same bool, err error)
}

func (r *moduleProcess) record() (end func()) {
	r.expect(nil) // what goes with a repetition is no part of the reading
	r.ahead.reading++
	r.ahead.records = true
	return func() { r.ahead.records = false }
}

func (r *moduleProcess) repeat() (bool, error) {
	a, _, err := r.do(call{Op: opRepeat, Reading: r.ahead.reading}, nil, r.limits.Other)
	return a.Value == unchanged && err == nil, err
}

// opRepeat is the call that asks for it.
const opRepeat = "a reading, repeated"

// unchanged is the value of the reply where nothing differs.
const unchanged = 1

// recorded is a reading as a module's process keeps it.
type recorded struct {
	reading uint64
	calls   []call
	replies []reply
	bytes   int           // of the replies' values
	took    time.Duration // all of them
	full    bool
}

// What is kept is bounded: with more there is no reading to repeat.
const (
	maxRecorded      = 2000 // calls
	maxRecordedBytes = 4 << 20
)

func (l *recorded) note(c call, answer reply, took time.Duration) {
	if c.Reading == 0 || c.Op == opRepeat {
		return
	}
	if c.Reading != l.reading {
		*l = recorded{reading: c.Reading}
	}
	l.bytes += answer.bytes()
	l.took += took
	if l.full = l.full || len(l.calls) == maxRecorded || l.bytes > maxRecordedBytes; l.full {
		l.calls, l.replies = nil, nil
		return
	}
	l.calls, l.replies = append(l.calls, c), append(l.replies, answer)
}

func (r *reply) bytes() (n int) {
	for _, value := range r.Values {
		n += len(value)
	}
	for _, attributes := range slices.Concat(r.Objects, [][]reply{r.Then}) {
		for i := range attributes {
			n += attributes[i].bytes()
		}
	}
	return n
}

// repeat makes the calls of the reading once more, up to the first that gives something
// else, and closes what sessions that leaves open.
func (c *child) repeat(r call, until time.Time) reply {
	l := &c.last
	if r.Reading != l.reading || len(l.calls) == 0 || time.Now().Add(l.took).After(until) {
		return reply{} // also where it would not be done in time: a new one would follow
	}
	// What the reading had of these, as it is now: a module may number objects anew for each
	// session, and what is read of them shows whether they are the same.
	sessions, objects := map[uint]uint{}, map[uint]uint{}
	open := map[uint]bool{} // also one that the reading tried for in vain
	defer func() {
		for session := range open {
			c.do(call{Op: "C_CloseSession", Session: session}, nil)
		}
	}()
	for i, before := range l.calls {
		if time.Now().After(until) {
			return reply{}
		}
		now := before
		now.Session = cmp.Or(sessions[before.Session], before.Session)
		now.Object = cmp.Or(objects[before.Object], before.Object)
		now.Then = slices.Clone(before.Then)
		for k := range now.Then {
			now.Then[k].Session = cmp.Or(sessions[now.Then[k].Session], now.Then[k].Session)
		}
		answer, _ := c.together(now, nil, until)
		was := l.replies[i]
		if before.Op == "C_OpenSession" && !answer.failed() {
			open[answer.Value] = true
			sessions[was.Value], answer.Value = answer.Value, was.Value
		}
		if before.Op == "C_FindObjects" && len(answer.IDs) == len(was.IDs) {
			for k, id := range was.IDs {
				objects[id] = answer.IDs[k]
			}
			answer.IDs = was.IDs
		}
		if !reflect.DeepEqual(answer, was) {
			return reply{}
		}
		if before.Op == "C_CloseSession" {
			delete(open, now.Session)
			delete(sessions, before.Session)
		}
	}
	return reply{Value: unchanged}
}
