package testdesktop

import (
	"strings"
	"testing"
	"time"
)

// TestAwaitOutput: what was printed before is seen, what comes is awaited, and what does not
// come is reported.
func TestAwaitOutput(t *testing.T) {
	var o Output
	has := func(want string) func(string) bool {
		return func(text string) bool { return strings.Contains(text, want) }
	}
	_, _ = o.Write([]byte("one "))
	go func() {
		for _, part := range []string{"t", "w", "o "} {
			_, _ = o.Write([]byte(part))
		}
	}()
	for _, want := range []string{"one", "two"} {
		if text, ok := o.Await(time.Minute, has(want)); !ok {
			t.Errorf("%s: %q", want, text)
		}
	}
	if text, ok := o.Await(time.Millisecond, has("three")); ok || text != "one two " {
		t.Errorf("%q %v", text, ok)
	}
}
