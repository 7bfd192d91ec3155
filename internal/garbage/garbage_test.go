package garbage

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

var held []byte

// untilCollected uses memory until a collection has come by itself.
func untilCollected(t *testing.T, within int) {
	t.Helper()
	var s, before runtime.MemStats
	runtime.ReadMemStats(&before)
	for range within >> 10 {
		held = make([]byte, 1<<10)
		runtime.ReadMemStats(&s)
		if s.NumGC > before.NumGC {
			return
		}
	}
	t.Fatalf("none in %d bytes", within)
}

// inForce is the rule that Go follows: in percent, and in bytes.
func inForce() (percent, limit uint64) {
	samples := []metrics.Sample{{Name: "/gc/gogc:percent"}, {Name: "/gc/gomemlimit:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}

// none is what Go shows where no percentage counts.
const none = math.MaxUint64

// TestRule: after a collection by the clock there is none until what may be used more is used,
// and that one brings the rule of before back.
func TestRule(t *testing.T) {
	percent, limit := debug.SetGCPercent(lies), debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) })
	r := newRule()
	r.collected() // by what was used
	if now, most := inForce(); r.idle.Load() || now != lies || most != uint64(limit) {
		t.Fatalf("%d percent, %d bytes", now, most)
	}
	r.last = time.Now().Add(-quiet)
	held = make([]byte, r.then.tooLittle())
	r.collected() // late, and by what was used all the same
	if now, most := inForce(); r.idle.Load() || now != lies || most != uint64(limit) {
		t.Fatalf("%d percent, %d bytes after a late one", now, most)
	}
	r.last = time.Now().Add(-quiet)
	r.collected()
	n := measured().used()
	if now, most := inForce(); !r.idle.Load() || now != none || n == 0 || most <= uint64(n) || most > uint64(n)+2*slack {
		t.Fatalf("%d percent, %d bytes with %d used", now, most, n)
	}
	r.await()
	untilCollected(t, 4*slack)
	for deadline := time.Now().Add(time.Minute); ; runtime.Gosched() { // its finalizer
		now, most := inForce()
		if !r.idle.Load() && now == lies && most == uint64(limit) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the collection brought back %d percent, %d bytes", now, most)
		}
	}
}
