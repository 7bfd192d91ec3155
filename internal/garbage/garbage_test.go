package garbage

import (
	"runtime"
	"runtime/debug"
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

// TestRule: after a collection by the clock there is none until what it may use more is used, and that one
// brings the rule of before back.
func TestRule(t *testing.T) {
	percent := debug.SetGCPercent(100)
	limit := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) })
	debug.SetGCPercent(lies)
	r := newRule()
	r.collected() // by what was used
	if r.idle.Load() || debug.SetGCPercent(lies) != lies {
		t.Fatal("waits")
	}
	r.last = time.Now().Add(-quiet)
	r.collected()
	if !r.idle.Load() || debug.SetGCPercent(-1) != -1 {
		t.Fatal("does not wait")
	}
	n, known := used()
	if now := debug.SetMemoryLimit(-1); !known || now <= n || now > n+2*slack {
		t.Fatalf("a limit of %d with %d used", now, n)
	}
	r.await()
	untilCollected(t, 4*slack)
	for deadline := time.Now().Add(time.Minute); r.idle.Load(); runtime.Gosched() { // its finalizer
		if time.Now().After(deadline) {
			t.Fatal("the collection brought nothing back")
		}
	}
	for debug.SetMemoryLimit(-1) != limit {
		runtime.Gosched()
	}
	for debug.SetGCPercent(lies) != lies {
		runtime.Gosched()
	}
}
