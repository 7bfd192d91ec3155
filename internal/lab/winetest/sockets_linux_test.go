package winetest

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestSockets: with wine's file mended, a program finds who owns its connections on both
// families, in a network of its own; the system's file is as before.
func TestSockets(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, as NewWithSockets")
	}
	before := sums(t)
	owner, hello := Build(t, "./testdata/owner"), Build(t, "./testdata/hello")
	var prefix string
	t.Run("mended", func(t *testing.T) {
		w := NewWithSockets(t)
		prefix = w.prefix
		// Now and then wine 8 tells no owner over IPv4 either.
		var out string
		for range 5 {
			if out = w.Run(owner, "127.0.0.1", "::1"); strings.Contains(out, "127.0.0.1 true <nil>") && strings.Contains(out, "::1 true <nil>") {
				break
			}
		}
		if !strings.Contains(out, "127.0.0.1 true <nil>") || !strings.Contains(out, "::1 true <nil>") {
			t.Errorf("%q", out)
		}
		if out, err := w.Inside("ip", "-o", "link").Output(); err != nil || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), "LOOPBACK,UP") {
			t.Errorf("its network is not loopback alone: %q, %v", out, err)
		}
		started(t, w.Command(hello, "listen"))
		if len(using(t, prefix)) == 0 {
			t.Error("no process of a running Windows is found: this test could not fail")
		}
	})
	nothingOf(t, prefix)
	if got := sums(t); got != before {
		t.Error("the system's own file is another")
	}
}

func sums(t *testing.T) string {
	t.Helper()
	for _, path := range sockets {
		if file, err := os.ReadFile(path); err == nil {
			return path + string(file)
		}
	}
	t.Fatal("wine's file is nowhere")
	return ""
}

// TestMend: the file keeps its length and changes at one place, and any other is refused.
func TestMend(t *testing.T) {
	file := []byte("before\x00" + wrongColumns + "after")
	got, err := mend(file)
	if want := "before\x00" + rightColumns + strings.Repeat("\x00", 8) + "after"; err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
	for _, other := range []string{"", "before\x00" + rightColumns, wrongColumns + wrongColumns, string(got)} {
		if _, err := mend([]byte(other)); !errors.Is(err, ErrOtherWine) {
			t.Errorf("%q: %v", other, err)
		}
	}
}
