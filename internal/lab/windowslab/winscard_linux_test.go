package windowslab

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWinscard: the double answers as Windows does, and its waits end by events: the
// reader's, a cancel, time, and the end of the service.
func TestWinscard(t *testing.T) {
	pki, err := demopki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	card, err := virtual.NewCard(pki.Intermediate, virtual.CardOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "cpxw") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	station, err := virtual.NewStation(virtual.StationOptions{Socket: filepath.Join(dir, "pcscd"), Card: card})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = station.Stop() })
	port := freePort(t)
	relay(t, func(program string, args ...string) *exec.Cmd { return exec.Command(program, args...) }, port, station.Socket())

	wine := winetest.New(t, "CPX_TEST_PCSC="+port, overrides)
	install(t, winscard(t, "amd64"), wine.Path("windows/system32/winscard.dll"))
	cmd := wine.Command(winetest.Build(t, "./testdata/readers"), virtual.ReaderName)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out := newOutput()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	mark := 0
	expect := func(lines ...string) {
		t.Helper()
		for _, want := range lines {
			got, after, ok := out.next(mark, patience, func(string) bool { return true })
			if mark = after; !ok || got != want {
				t.Fatalf("got %q, want %q; all of it:\n%s", got, want, out.tail(100))
			}
		}
	}
	goOn := func() { _, _ = io.WriteString(in, "\n") }
	expect("establish 00000000", "first 00000000", "flags 00000022", "unchanged 8010000A", "timeout 8010000A", "cancelled before 8010000A",
		"cancelled 80100002", "unknown 80100009", "released 00000000", "released twice 00000006", "no handle 00000006", "stop the service")
	if err := station.Stop(); err != nil {
		t.Fatal(err)
	}
	goOn()
	expect("stopped 8010001E", "no service 8010001D", "start the service")
	if err := station.Start(); err != nil {
		t.Fatal(err)
	}
	goOn()
	expect("event true")
	station.Remove()
	expect("event false")
	station.Insert()
	expect("event true")
	station.Unplug()
	expect("event")
	if err := station.Plug(); err != nil {
		t.Fatal(err)
	}
	expect("event true")
	before := station.Service().Requests()
	if err := station.Stop(); err != nil {
		t.Fatal(err)
	}
	expect("event away")
	if before > 200 {
		t.Errorf("%d requests for five events: something asks again and again", before)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}
