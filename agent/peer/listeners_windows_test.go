package peer

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestListenersOfWindows reads the real tables: this process's listeners are found, on
// both families, with its account, session and program.
func TestListenersOfWindows(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		at := netip.MustParseAddrPort(l.Addr().String())
		list, err := Listeners()
		i := slices.IndexFunc(list, func(l Listener) bool { return l.Address == at })
		if err != nil || i < 0 {
			t.Fatalf("%v is not in %+v, %v", at, list, err)
		}
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		found := list[i]
		if found.PID != uint32(os.Getpid()) || !found.Own || !strings.EqualFold(found.Image, self) || found.Account == "" || found.Session == "" {
			t.Errorf("%+v, want this process, %d %s", found, os.Getpid(), self)
		}
	}
}

// TestEveryProcess: the list of all processes has this one, by its file's name.
func TestEveryProcess(t *testing.T) {
	list, err := windowsEveryone{}.list()
	if err != nil {
		t.Fatal(err)
	}
	self, err := system()
	if err != nil {
		t.Fatal(err)
	}
	if got := list[uint32(os.Getpid())]; !strings.EqualFold(got.image, filepath.Base(os.Args[0])) || got.session != sessionName(self.self.Session) {
		t.Errorf("%+v in %v, want %s in session %d", got, list, os.Args[0], self.self.Session)
	}
}
