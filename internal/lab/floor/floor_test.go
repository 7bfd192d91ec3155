package floor

import (
	"slices"
	"testing"
	"time"
)

// rounds is how often each side is measured, in turns.
const rounds = 101

// sides are what is measured in each round, by the names of the metrics' sides.
type sides []struct {
	name string
	do   func()
}

// report has the sides take turns, the first of them too, and reports the median of each.
func (s sides) report(b *testing.B) {
	b.Helper()
	took := make([][]time.Duration, len(s))
	for round := range rounds + 10 {
		for i := range s {
			i = (i + round) % len(s)
			begun := time.Now()
			s[i].do()
			if round >= 10 { // the first ones warm caches
				took[i] = append(took[i], time.Since(begun))
			}
		}
	}
	for i := range s {
		slices.Sort(took[i])
		b.ReportMetric(float64(took[i][len(took[i])/2].Nanoseconds())/1e6, s[i].name+"-ms")
	}
	b.ReportMetric(0, "ns/op")
}

func must(b *testing.B, signature []byte, err error) {
	b.Helper()
	if err != nil || len(signature) == 0 {
		b.Fatal(len(signature), err)
	}
}

// BenchmarkSoftHSMLogin is a login with the PIN, the card logged out after it, beside the
// floor's.
func BenchmarkSoftHSMLogin(b *testing.B) {
	w := newWorld(b, "cps", 0)
	_, page := w.floor()
	sides{
		{"agent", w.login},
		{"bare", func() { s, err := page.Call("login", nonce); must(b, s, err) }},
	}.report(b)
}

// BenchmarkCardSession is a login while the card stays logged in, beside the floor's and
// beside C_SignInit and C_Sign alone.
func BenchmarkCardSession(b *testing.B) {
	for _, key := range []struct{ name, card string }{{"RSA-2048", "cps"}, {"P-256", "cps-ec"}} {
		b.Run("key="+key.name, func(b *testing.B) {
			w := newWorld(b, key.card, time.Hour)
			f, page := w.floor()
			end, err := f.OpenSession()
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() {
				if err := end(); err != nil {
					b.Error(err)
				}
			})
			w.login() // with the PIN
			sides{
				{"agent", w.login},
				{"bare", func() { s, err := page.Call("sign", nonce); must(b, s, err) }},
				{"raw", func() { s, err := f.Sign(nonce); must(b, s, err) }},
			}.report(b)
		})
	}
}
