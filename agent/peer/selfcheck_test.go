package peer

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/account"
)

// between plays what may stand between this process and itself, with real connections:
// the system's tables are what the test makes of the last of them.
type between struct {
	*played
	dial    func(ctx context.Context, address string) (net.Conn, error)
	shown   func(a net.Addr) net.Addr // what this process is shown of the listener's address
	missing []string
	limit   time.Duration
}

const selfPID = 7000

// check runs the check. rows makes the tables of an address pair of this process, of
// which the first is the listener's.
func (b *between) check(rows func(agent, client netip.AddrPort) []row) error {
	c := selfCheck{lookup: b.lookup(), pid: selfPID, limit: b.limit}
	c.listen = func(network, address string) (net.Listener, error) {
		for _, no := range b.missing {
			if strings.HasPrefix(address, no) {
				return nil, errPlayed
			}
		}
		l, err := net.Listen(network, address)
		if err != nil {
			return nil, err
		}
		return &seen{l, b, rows}, nil
	}
	c.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if b.dial != nil {
			return b.dial(ctx, address)
		}
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}
	return c.run()
}

// seen is a listener whose connections are in the played tables.
type seen struct {
	net.Listener
	between *between
	rows    func(agent, client netip.AddrPort) []row
}

func (s *seen) Addr() net.Addr {
	if s.between.shown != nil {
		return s.between.shown(s.Listener.Addr())
	}
	return s.Listener.Addr()
}

func (s *seen) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	agent, client := connAddress(c.LocalAddr()), connAddress(c.RemoteAddr())
	rows := s.rows(agent, client)
	s.between.rows[agent.Addr().Is6()] = rows
	return c, nil
}

// own is what the tables say of a connection of this process to itself.
func own(agent, client netip.AddrPort) []row {
	return []row{{agent, client, rowEstablished, selfPID, born + 1}, {client, agent, rowEstablished, selfPID, born + 1}}
}

func ofProcess(pid uint32) func(agent, client netip.AddrPort) []row {
	return func(agent, client netip.AddrPort) []row {
		rows := own(agent, client)
		rows[1].pid = pid
		return rows
	}
}

// TestSelfCheck: the agent serves where it finds itself at the other end of its own
// connections, and says else what it found there.
func TestSelfCheck(t *testing.T) {
	const filter = 640
	for name, c := range map[string]struct {
		play func(*between)
		rows func(agent, client netip.AddrPort) []row
		err  error  // nil: it serves
		what string // that stands in between
	}{
		"nothing in between": {func(*between) {}, own, nil, ""},
		"no IPv6":            {func(b *between) { b.missing = []string{"[::1]"} }, own, nil, ""},
		"no loopback at all": {func(b *between) { b.missing = []string{"[::1]", "127.0.0.1"} }, own, ErrNoLoopback, ""},
		"a filter that is said to dial": {func(b *between) {
			b.tasks[filter] = &playedTask{who: account.Account{SID: "S-1-5-18", Session: 0}, since: born, name: `C:\filter.exe`}
		}, ofProcess(filter), ErrIntercepted, `640 (C:\filter.exe)`},
		"a filter of this person": {func(b *between) { b.tasks[filter] = &playedTask{who: me, since: born, name: `C:\filter.exe`} }, ofProcess(filter), ErrIntercepted, `640 (C:\filter.exe)`},
		"a filter that is closed": {func(b *between) { b.tasks[filter] = &playedTask{openErr: errAccessDenied, listed: "filter.exe"} }, ofProcess(filter), ErrIntercepted, "640 (filter.exe)"},
		"a proxy that dials in our stead": {func(b *between) {
			b.tasks[filter] = &playedTask{who: account.Account{SID: "S-1-5-18", Session: 0}, since: born, name: `C:\filter.exe`}
			b.dial, b.limit = proxied, time.Second
		}, ofProcess(filter), ErrIntercepted, `640 (C:\filter.exe)`},
		"a connection that is cut":      {func(b *between) { b.dial = cut }, own, ErrLoopbackCut, "127.0.0.1"},
		"a connection that is answered": {func(b *between) { b.dial, b.limit = answered, time.Second }, own, ErrLoopbackCut, "127.0.0.1"},
		"cut over IPv6 alone": {func(b *between) {
			b.dial = func(ctx context.Context, address string) (net.Conn, error) {
				if strings.HasPrefix(address, "[") {
					return cut(ctx, address)
				}
				return new(net.Dialer).DialContext(ctx, "tcp", address)
			}
		}, own, ErrLoopbackCut, "::1"},
		"a virtual loopback that listens": {func(b *between) {
			b.shown = func(a net.Addr) net.Addr {
				return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 5), Port: a.(*net.TCPAddr).Port}
			}
		}, own, ErrVirtualLoopback, "127.0.0.5"},
		"a virtual loopback that dials": {func(b *between) { b.dial = from("127.0.0.5") }, own, ErrVirtualLoopback, "127.0.0.5"},
		"a virtual loopback that hides itself": {func(*between) {}, func(agent, client netip.AddrPort) []row {
			rows := own(agent, client)
			if agent.Addr().Is4() {
				at := netip.MustParseAddr("127.0.0.5")
				rows[0].local, rows[0].remote = netip.AddrPortFrom(at, agent.Port()), netip.AddrPortFrom(at, client.Port())
				rows[1].local, rows[1].remote = rows[0].remote, rows[0].local
			}
			return rows
		}, ErrVirtualLoopback, "127.0.0.5"},
		"a system that says nothing":        {func(*between) {}, func(_, _ netip.AddrPort) []row { return nil }, errNoRow, ""},
		"a system that names nobody":        {func(*between) {}, ofProcess(0), errNoPID, ""},
		"a table that cannot be read":       {func(b *between) { b.readErr = map[bool]error{false: errPlayed} }, own, errPlayed, ""},
		"a process closed to itself":        {func(b *between) { b.tasks[selfPID].openErr = errAccessDenied }, own, errAccessDenied, ""},
		"another's process by its own name": {func(b *between) { b.tasks[selfPID].who.Session = 9 }, own, errNotSelf, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := &between{played: connected(), limit: 30 * time.Second}
			c.play(b)
			err := b.check(c.rows)
			if !errors.Is(err, c.err) || c.err == nil && err != nil {
				t.Fatalf("%v, want %v", err, c.err)
			}
			var found *FoundError
			if errors.As(err, &found) != (c.what != "") || found != nil && found.What != c.what {
				t.Errorf("found %v, want %q", found, c.what)
			}
			if err != nil && (Why(err, "fr") == "" || !strings.Contains(Why(err, "en"), c.what)) {
				t.Errorf("%q", Why(err, "en"))
			}
			if b.held != 0 {
				t.Errorf("%d processes are not closed", b.held)
			}
		})
	}
}

// TestSelfCheckOfAYoungProcess: a process that has hardly begun waits for the clock, and no
// other does.
func TestSelfCheckOfAYoungProcess(t *testing.T) {
	const began = 133_000_000_000_000_000
	for age, want := range map[int64]time.Duration{-1: 0, 0: 16*time.Millisecond + 100, 150_000: time.Millisecond + 100, clockTick: 100, clockTick + 1: 0, 1 << 40: 0} {
		if got := untilOlder(began, began+age); got != want {
			t.Errorf("of age %d: %v, want %v", age, got, want)
		}
	}
}

// proxied dials as a filter has it: the connection ends there, and another is made.
func proxied(ctx context.Context, address string) (net.Conn, error) {
	filter, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		defer filter.Close()
		in, err := filter.Accept()
		if err != nil {
			return
		}
		defer in.Close()
		out, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		defer out.Close()
		_, _ = io.Copy(out, in)
	}()
	return new(net.Dialer).DialContext(ctx, "tcp", filter.Addr().String())
}

// cut is what a firewall does.
func cut(context.Context, string) (net.Conn, error) { return nil, os.ErrDeadlineExceeded }

// answered is a connection that a filter takes and that arrives nowhere.
func answered(ctx context.Context, _ string) (net.Conn, error) {
	filter, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer filter.Close()
	return new(net.Dialer).DialContext(ctx, "tcp", filter.Addr().String())
}

// from dials from another loopback address.
func from(address string) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, to string) (net.Conn, error) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
		return d.DialContext(ctx, "tcp", to)
	}
}
