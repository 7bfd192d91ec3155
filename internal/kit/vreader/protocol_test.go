package vreader_test

import (
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/vreader"
)

// program speaks the protocol as libpcsclite does, of whatever version. The real
// libraries of 1.9 and of 2.3 are in the other tests and in the conformance table.
type program struct {
	t    *testing.T
	conn net.Conn
}

func connect(t *testing.T, s *vreader.Service) program {
	t.Helper()
	conn, err := net.Dial("unix", s.Path())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return program{t, conn}
}

// ask sends a message and reads an answer of that many fields.
func (p program) ask(command uint32, fields int, body ...uint32) []uint32 {
	p.t.Helper()
	message := append([]uint32{uint32(4 * len(body)), command}, body...)
	if err := binary.Write(p.conn, binary.LittleEndian, message); err != nil {
		p.t.Fatal(err)
	}
	answer := make([]uint32, fields)
	if err := binary.Read(p.conn, binary.LittleEndian, answer); err != nil {
		p.t.Fatalf("command %#x: %v", command, err)
	}
	return answer
}

func listen(t *testing.T) *vreader.Service {
	t.Helper()
	s, err := vreader.Listen(filepath.Join(t.TempDir(), "pcscd"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// A client of pcsc-lite 1.9 (4:4) and one of 2.3 (4:5) each take only their own version
// for an answer; one of 2.5 (4:6) takes 4:5 too.
func TestVersions(t *testing.T) {
	s := listen(t)
	for asks, want := range map[uint32]uint32{4: 4, 5: 5, 6: 5} {
		got := connect(t, s).ask(0x11, 3, 4, asks, 0)
		if got[0] != 4 || got[1] != want || got[2] != 0 {
			t.Errorf("4:%d is answered with %d:%d, 0x%08X, want 4:%d", asks, got[0], got[1], got[2], want)
		}
	}
}

// A client of pcsc-lite 2.3 asks how often readers have come and gone (command 0x15),
// and reads eight bytes. Cards that come and go do not count.
func TestReaderEvents(t *testing.T) {
	s := listen(t)
	client := connect(t, s)
	client.ask(0x11, 3, 4, 5, 0)
	events := func(want uint32) {
		t.Helper()
		if got := client.ask(0x15, 2); got[0] != want || got[1] != 0 {
			t.Errorf("%d readers came or went, 0x%08X, want %d", got[0], got[1], want)
		}
	}
	events(0)
	reader, err := s.Plug("TEST 00 00", vreader.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	events(1)
	reader.Remove()
	events(1)
	reader.Unplug()
	events(2)
	reader.Unplug() // it is out
	events(2)
	if err := client.conn.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, client.conn); n > 0 || err == nil {
		t.Errorf("%d bytes more than were asked for, %v", n, err)
	}
}

// A client that begins to wait while cards come and go reads the table of readers first, and
// then that something has changed: the other way round it would take the one for the other, and
// wait for what has happened already.
func TestWaitDuringChanges(t *testing.T) {
	s := listen(t)
	const name = "TEST 00 00"
	reader, err := s.Plug(name, vreader.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ended, changing := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(changing)
		for {
			select {
			case <-ended:
				return
			default:
				reader.Remove() // an event, also where there is no card
			}
		}
	}()
	defer func() { close(ended); <-changing }()
	client := connect(t, s)
	client.ask(0x11, 3, 4, 4, 0)
	for n := range 300 {
		table := client.ask(0x13, 16*184/4)
		got := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, table[0]), table[1])
		if string(got) != name[:8] {
			t.Fatalf("wait %d: the table begins with %q", n, got)
		}
		woken := make([]uint32, 2)
		if err := binary.Read(client.conn, binary.LittleEndian, woken); err != nil || woken[1] != 0 {
			t.Fatalf("wait %d: %v, %v", n, woken, err)
		}
	}
}
