package everyone

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// lasting is a memory that is lost with the test.
type lasting struct {
	names []string
	err   error
}

func (k *lasting) store(names []string) error { k.names = names; return k.err }

func (k *lasting) drain() (names []string, err error) {
	names, k.names = k.names, nil
	return names, k.err
}

// TestSessions: an agent comes back in each session that had one, once, whatever becomes of
// the others', and not in that of Windows' services.
func TestSessions(t *testing.T) {
	gone := errors.New("nobody is logged in")
	var m lasting
	if err := remember(&m, []uint32{3, 0, 2, 3, 11}); err != nil || !slices.Equal(m.names, []string{"2", "3", "11"}) {
		t.Fatalf("%v, remembered %q", err, m.names)
	}
	var started []uint32
	start := func(session uint32) error {
		if m.names != nil {
			t.Error("it starts before it forgets: the second of two at once would start them too")
		}
		started = append(started, session)
		if session == 3 {
			return fmt.Errorf("session 3: %w", gone)
		}
		return nil
	}
	if err := resume(&m, start); !errors.Is(err, gone) || !slices.Equal(started, []uint32{2, 3, 11}) {
		t.Errorf("%v, started %d", err, started)
	}
	started = nil
	if err := resume(&m, start); err != nil || started != nil {
		t.Errorf("a second time: %v, started %d", err, started)
	}
	m.names = []string{"x", "4"}
	if err := resume(&m, start); err == nil || !strings.Contains(err.Error(), `"x"`) || !slices.Equal(started, []uint32{4}) {
		t.Errorf("beside what is no session: %v, started %d", err, started)
	}
	if err := remember(&m, nil); err != nil || m.names != nil {
		t.Errorf("where none runs: %v, %q", err, m.names)
	}
}
