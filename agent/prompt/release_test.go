package prompt

import "testing"

// TestRelease: a window that asks for a PIN gives the keyboard back before any desktop locks the
// screen for want of keys, which is a minute at the least, and no sooner than a person has
// looked up a code.
func TestRelease(t *testing.T) {
	if e := questionsIn("fr").askPIN(PIN{}).Entry; e.Release < 10_000 || e.Release > 30_000 {
		t.Errorf("%d ms", e.Release)
	}
}
