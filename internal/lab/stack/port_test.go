package stack

import (
	"net"
	"strconv"
	"testing"
)

// TestPortalPort: the wanted port where it is free, the next where another program has
// it, also where that has the address alone which browsers try first.
func TestPortalPort(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		wanted := l.Addr().(*net.TCPAddr).Port
		if got, err := portalPort(wanted); err != nil || got == wanted {
			t.Errorf("%s: %d, %v, and another program has it", host, got, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := portalPort(wanted); err != nil || got != wanted {
			t.Errorf("%s: %d, %v, want %d", host, got, err, wanted)
		}
	}
	if got, err := portalPort(0); err != nil || got == 0 {
		t.Errorf("any: %d, %v", got, err)
	}
}

// TestPortalPortAllOccupied: where the next ports are occupied too, any serves.
func TestPortalPortAllOccupied(t *testing.T) {
	first := occupyRow(t)
	got, err := portalPort(first)
	if err != nil || got >= first && got < first+portsNear {
		t.Errorf("%d, %v", got, err)
	}
}

// occupyRow listens on portsNear ports in a row, and returns the first.
func occupyRow(t *testing.T) int {
	t.Helper()
	for first := 20000; first < 30000; first += portsNear {
		var held []net.Listener
		for port := first; port < first+portsNear; port++ {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				break
			}
			held = append(held, l)
		}
		t.Cleanup(func() {
			for _, l := range held {
				_ = l.Close()
			}
		})
		if len(held) == portsNear {
			return first
		}
	}
	t.Fatal("no ten ports in a row are free")
	return 0
}
