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
	// quiet is after how long a collection was due by the clock: nothing else ends two minutes
	// without one but memory that is asked for at that very moment.
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

func newRule() *rule { return &rule{limit: debug.SetMemoryLimit(-1), last: time.Now()} }

// rule is used by the one goroutine that Go runs finalizers in, once Rule has returned.
type rule struct {
	limit int64 // of the process's memory, by GOMEMLIMIT
	last  time.Time
	idle  atomic.Bool
}

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
	now := time.Now()
	byClock := now.Sub(r.last) >= quiet
	r.last = now
	switch {
	case r.idle.Load(): // what it may use more is used
		r.idle.Store(false)
		debug.SetMemoryLimit(r.limit)
		debug.SetGCPercent(lies)
	case byClock:
		debug.FreeOSMemory() // while nothing is collected nothing would be given back
		r.last = time.Now()
		if n, known := used(); known {
			r.idle.Store(true)
			debug.SetMemoryLimit(min(r.limit, n+slack))
			debug.SetGCPercent(-1)
		}
	}
}

// used is the memory that counts towards the limit, in bytes.
func used() (n int64, known bool) {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	for i, sign := range []int64{1, -1} {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0, false
		}
		n += sign * int64(samples[i].Value.Uint64())
	}
	return n, true
}
