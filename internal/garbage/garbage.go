// Package garbage says how the memory of a process that waits for days is collected.
//
// [Rule] is called once, when a program begins, and may be called from anywhere. The package
// never keeps anything alive, and nothing but the memory that a process uses, and how often
// it wakes, depends on it.
package garbage

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// Go collects after each two minutes without a collection (runtime, forcegcperiod), although
// a program that only waits leaves nothing to collect: that wakes all its threads, and of a
// computer with many programs each costs its part.
const (
	// quiet is after how long without one a collection may be by the clock.
	quiet = 100 * time.Second
	// slack is how much more memory a process that waits may use before there is one.
	slack = 4 << 20
)

// lies is how much of it lies before it is collected, in percent of what is used: such a
// process has little of its own, and much of what a page or a menu costs it is garbage.
const lies = 50

// Rule has little garbage lie, and none be collected by the clock while the process waits.
func Rule() {
	debug.SetGCPercent(lies)
	newRule().await()
}

func newRule() *rule {
	r := &rule{limit: debug.SetMemoryLimit(-1)}
	r.note()
	return r
}

// rule is used by the one goroutine that Go runs finalizers in, once Rule has returned.
type rule struct {
	limit int64 // of the process's memory, by GOMEMLIMIT
	idle  atomic.Bool

	last time.Time // of the last collection
	then memory    // after it
}

func (r *rule) note() { r.last, r.then = time.Now(), measured() }

// marker is what a collection finds that nobody holds.
type marker struct{ _ *rule }

// await has collected called after the next collection, and after each that follows.
func (r *rule) await() {
	runtime.SetFinalizer(&marker{r}, func(*marker) {
		r.collected()
		r.await()
	})
}

func (r *rule) collected() {
	defer r.note()
	// One that came because memory was asked for may come late too, where a process wakes to much
	// work: while nothing is collected, what that leaves would stay.
	byClock := time.Since(r.last) >= quiet && measured().allocated-r.then.allocated < r.then.tooLittle()
	switch {
	case r.idle.Load(): // what it may use more is used
		r.idle.Store(false)
		debug.SetMemoryLimit(r.limit)
		debug.SetGCPercent(lies)
	case byClock:
		debug.FreeOSMemory() // while nothing is collected nothing would be given back
		r.idle.Store(true)
		debug.SetMemoryLimit(min(r.limit, measured().used()+slack))
		debug.SetGCPercent(-1)
	}
}

// memory is that of the process, in bytes.
type memory struct {
	total, released int64  // what the system gave, and what of it was given back
	allocated       uint64 // since the program began
	live, goal      uint64 // of the heap, after the last collection and at the next
}

// used is what counts towards the limit.
func (m memory) used() int64 { return m.total - m.released }

// tooLittle is what is allocated at most when a collection comes that is not for what was
// allocated: Go's pacer begins one at seven tenths of the way to the goal at the earliest.
func (m memory) tooLittle() uint64 { return (max(m.goal, m.live) - m.live) / 2 }

// measured is what Go shows, with 0 for what it does not: then no collection is by the clock.
func measured() (m memory) {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/goal:bytes"},
	}
	metrics.Read(samples)
	values := make([]uint64, len(samples))
	for i, s := range samples {
		if s.Value.Kind() != metrics.KindUint64 {
			return memory{}
		}
		values[i] = s.Value.Uint64()
	}
	return memory{total: int64(values[0]), released: int64(values[1]), allocated: values[2], live: values[3], goal: values[4]}
}
