package events

import (
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFullSocket: a journald whose queue others have filled costs an event a try and no
// wait, in which the kernel would have us awake all the time; once it reads again, the
// event is there, whole and once.
func TestFullSocket(t *testing.T) {
	real := socket
	t.Cleanup(func() { socket = real })
	socket = filepath.Join(t.TempDir(), "socket")
	if Reached() == nil || send(Event{Kind: on}, "en") == nil {
		t.Error("nobody is there, and it was reached")
	}
	journald, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer journald.Close()
	if err := Reached(); err != nil {
		t.Error(err)
	}
	filled := fill(t)
	tried, s := make(chan error, 100), New(Options{Lang: "en", Version: "1.2.3"})
	whole := s.send
	s.send = func(e Event) error { err := whole(e); tried <- err; return err }
	s.Set(true, slog.New(slog.DiscardHandler))
	defer s.Close()
	if err := <-tried; !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("a full one: %v", err)
	}
	text := make([]byte, 4096)
	n := 0
	for range filled + 1 {
		if n, err = journald.Read(text); err != nil {
			t.Fatal(err)
		}
	}
	want := "PRIORITY=6\nMESSAGE=The agent sends its security events here. [events_on version=1.2.3]\nMESSAGE_ID=" + on.MessageID + "\nSYSLOG_IDENTIFIER=cpx-agent\nCPX_EVENT=events_on\nCPX_EVENT_ID=10\nCPX_VERSION=1.2.3\n"
	if got := string(text[:n]); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if err := send(Event{Kind: on, Facts: []Fact{{"reason", "a\nCPX_EVENT=forged"}}}, "en"); err != nil {
		t.Error(err)
	}
	if n, err = journald.Read(text); err != nil || strings.Contains(string(text[:n]), "\nCPX_EVENT=forged") {
		t.Errorf("%v: %s", err, text[:n])
	}
}

// fill fills the socket's queue and returns how many messages it holds. One sender may have
// none left of its own buffer before the queue is full, which is of 10 messages or of 512, as
// the system was started.
func fill(t *testing.T) (messages int) {
	t.Helper()
	for {
		other, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Close(other) })
		sent := 0
		for err == nil {
			if err = syscall.Sendto(other, []byte("another's"), 0, &syscall.SockaddrUnix{Name: socket}); err == nil {
				sent++
			}
		}
		if messages += sent; !errors.Is(err, syscall.EAGAIN) {
			t.Fatalf("it is full after %d: %v", messages, err)
		}
		if sent == 0 && messages > 0 {
			return messages
		}
	}
}
