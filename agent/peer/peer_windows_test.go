package peer

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/windows"
)

// dialAs dials; how is "" or "both", for a socket of both families (RFC 3493, 5.3), as
// Java's are.
func dialAs(address, how string) (release func(), err error) {
	if how == "" {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return nil, err
		}
		return func() { _ = c.Close() }, nil
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	socket, err := windows.Socket(windows.AF_INET6, windows.SOCK_STREAM, windows.IPPROTO_TCP)
	if err != nil {
		return nil, err
	}
	if err := windows.SetsockoptInt(socket, windows.IPPROTO_IPV6, windows.IPV6_V6ONLY, 0); err != nil {
		return nil, err
	}
	return func() { _ = windows.Closesocket(socket) },
		windows.Connect(socket, &windows.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()})
}

func self(t *testing.T) string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// TestOwnerOfProcess: another process of this person is found over each family, and so is
// its program once somebody asks, as long as it runs.
func TestOwnerOfProcess(t *testing.T) {
	for _, c := range []struct{ address, how string }{{"127.0.0.1:0", ""}, {"[::1]:0", ""}, {"127.0.0.1:0", "both"}} {
		l := listener(t, c.address)
		cmd := dialler(t, self(t), l.Addr().String(), c.how)
		accepted := accept(t, l)
		got, err := owner(accepted)
		if err != nil || !got.SamePerson() || got.Seen() != nil {
			t.Fatalf("%s %s: %+v %v", c.address, c.how, got, err)
		}
		real, err := system()
		if err != nil {
			t.Fatal(err)
		}
		_, pid, err := real.owner(connAddress(accepted.LocalAddr()), connAddress(accepted.RemoteAddr()))
		if err != nil || pid == 0 || int(pid) == os.Getpid() {
			t.Errorf("%s %s: process %d, %v", c.address, c.how, pid, err)
		}
		if name := pathsOf(got.Programs(t.Context())); !strings.EqualFold(name, self(t)) {
			t.Errorf("%s %s: program %q, want %q", c.address, c.how, name, self(t))
		}
		second, err := owner(accepted)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if name := pathsOf(second.Programs(t.Context())); name != "" && !strings.EqualFold(name, self(t)) {
			t.Errorf("%s %s: program %q once it has ended", c.address, c.how, name)
		}
		if got, err := owner(accepted); err == nil {
			t.Errorf("%s %s: a process that has ended is %+v", c.address, c.how, got)
		}
	}
}

// TestHeldProcess: what Windows says of a process that is held, before its end and after.
func TestHeldProcess(t *testing.T) {
	l := listener(t, "127.0.0.1:0")
	cmd := dialler(t, self(t), l.Addr().String(), "")
	accepted := accept(t, l)
	real, err := system()
	if err != nil {
		t.Fatal(err)
	}
	_, pid, err := real.owner(connAddress(accepted.LocalAddr()), connAddress(accepted.RemoteAddr()))
	if err != nil {
		t.Fatal(err)
	}
	p, err := real.open(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	var session uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &session); err != nil {
		t.Fatal(err)
	}
	who, err := p.person()
	if err != nil || who != real.self || who.SID == "" || who.Session != session {
		t.Errorf("it runs for %+v, want %+v in session %d: %v", who, real.self, session, err)
	}
	if ended, err := p.ended(); ended || err != nil || p.id() != pid {
		t.Errorf("process %d of %d ended: %v %v", p.id(), pid, ended, err)
	}
	since, err := p.created()
	if err != nil || since == 0 {
		t.Errorf("since %d, %v", since, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if ended, err := p.ended(); !ended || err != nil {
		t.Errorf("ended: %v %v", ended, err)
	}
	if beside, err := real.open(pid + 1); err == nil { // as Windows does, of numbers that are multiples of four
		if beside.id() != pid {
			t.Errorf("%d opens %d", pid+1, beside.id())
		}
		beside.close()
	}
	if none, err := real.open(0); err == nil {
		none.close()
		t.Error("process 0 was opened")
	}
}

// TestTableGrows: a table that is longer than the last one is read whole, over both
// families, while it grows.
func TestTableGrows(t *testing.T) {
	const connections = 100
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l := listener(t, address)
		tables := &windowsTables{class: ownerModuleConnections}
		l2 := &lookup{tables: tables}
		v6 := strings.HasPrefix(address, "[")
		for i := range connections {
			dialled, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer dialled.Close()
			accepted := accept(t, l)
			if i%20 > 0 {
				continue
			}
			found, _, err := l2.established(connAddress(accepted.LocalAddr()), connAddress(accepted.RemoteAddr()))
			if err != nil || len(found) != 1 || found[0].pid != uint32(os.Getpid()) {
				t.Fatalf("%s, connection %d: %v %v", address, i, found, err)
			}
		}
		rows := 0
		if err := l2.rows(v6, func(row) { rows++ }); err != nil || rows < 2*connections {
			t.Errorf("%s: %d rows, %v", address, rows, err)
		}
		if size := tables.size4.Load() + tables.size6.Load(); size <= tableSlack {
			t.Errorf("%s: the table never grew beyond %d bytes", address, size)
		}
	}
}

// TestClosedAtOnce: clients that close at once, by hundreds, are refused or are this
// process, and one that stays is found among them.
func TestClosedAtOnce(t *testing.T) {
	const clients = 300
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l := listener(t, address)
		go func() {
			for range clients {
				if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
					_ = c.Close()
				}
			}
		}()
		var checked sync.WaitGroup
		checks := make(chan struct{}, 32)
		for range clients {
			accepted := accept(t, l)
			checks <- struct{}{}
			checked.Go(func() {
				defer func() { <-checks }()
				got, err := owner(accepted)
				if err == nil && !got.SamePerson() {
					t.Errorf("%s: %+v", address, got)
				}
				if err != nil && !errors.Is(err, errNoRow) {
					t.Errorf("%s: %v", address, err)
				}
			})
		}
		checked.Wait()
		dialled, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := owner(accept(t, l)); err != nil || !got.SamePerson() {
			t.Errorf("%s: one that stays: %+v %v", address, got, err)
		}
		_ = dialled.Close()
	}
}
