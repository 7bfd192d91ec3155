package account

import "testing"

// TestSame: the same user in the same session, and nobody never.
func TestSame(t *testing.T) {
	me := Account{"S-1-5-21-1-2-3-1001", 2}
	for other, want := range map[Account]bool{
		me:                         true,
		{me.SID, 1}:                false,
		{"S-1-5-21-1-2-3-1002", 2}: false,
		{"", 2}:                    false,
		{}:                         false,
	} {
		if me.Same(other) != want || other.Same(me) != want {
			t.Errorf("%v: %v, %v", other, me.Same(other), other.Same(me))
		}
	}
	for _, nobody := range []Account{{}, {"", 2}} {
		if nobody.Same(nobody) {
			t.Errorf("%v is somebody", nobody)
		}
	}
}
