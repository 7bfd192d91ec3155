package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// FoundError is an error of Check that names what it found: a process that answers in
// this one's stead, or a loopback address.
type FoundError struct {
	Kind error  // ErrIntercepted, ErrVirtualLoopback, ErrLoopbackCut
	What string // to be shown as it is
	Err  error  // more for the log; may be nil
}

func (e *FoundError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%v: %s: %v", e.Kind, e.What, e.Err)
	}
	return fmt.Sprintf("%v: %s", e.Kind, e.What)
}

// Unwrap returns the kind, and what it came from where there is more.
func (e *FoundError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// selfCheck is Check for a system whose look-up names processes: on each loopback
// address that there is it dials this very process, whose number it must find.
type selfCheck struct {
	*lookup
	pid    uint32
	listen func(network, address string) (net.Listener, error)
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	limit  time.Duration // a connection may be swallowed
}

var errNotSelf = errors.New("peer: cannot check who connects: this process's own connection is said to be another's")

// clockTick is the longest time, in a FILETIME's units, for which a clock of Windows
// stands still: a process that began at its end may seem younger than its first socket.
const clockTick = 160_000

// untilOlder is how long a process that began at created is so young.
func untilOlder(created, now int64) time.Duration {
	age := now - created
	if age < 0 || age > clockTick {
		return 0
	}
	return time.Duration(clockTick-age+1) * 100 // nanoseconds
}

func (c *selfCheck) run() error {
	var missing error
	checked := false
	for _, ip := range []string{"127.0.0.1", "::1"} {
		l, err := c.listen("tcp", net.JoinHostPort(ip, "0"))
		if err != nil { // no such address here, and nobody dials there
			missing = errors.Join(missing, err)
			continue
		}
		err = c.family(l, netip.MustParseAddr(ip))
		_ = l.Close()
		if err != nil {
			return err
		}
		checked = true
	}
	if !checked {
		return fmt.Errorf("%w: %w", ErrNoLoopback, missing)
	}
	return nil
}

// family checks one address. A virtual loopback gives each session of a server an
// address of its own in place of 127.0.0.1, to some programs and not to others.
func (c *selfCheck) family(l net.Listener, ip netip.Addr) error {
	if at := connAddress(l.Addr()); at.Addr() != ip {
		return &FoundError{Kind: ErrVirtualLoopback, What: at.Addr().String()}
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.limit)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	dialled, err := c.dial(ctx, "tcp", l.Addr().String())
	if err != nil {
		return &FoundError{ErrLoopbackCut, ip.String(), err}
	}
	defer dialled.Close()
	between := error(&FoundError{Kind: ErrLoopbackCut, What: ip.String()})
	for {
		accepted, err := l.Accept()
		if err != nil {
			return between
		}
		local, remote := connAddress(accepted.LocalAddr()), connAddress(accepted.RemoteAddr())
		found := c.ours(ip, local, remote)
		_ = accepted.Close()
		if remote == connAddress(dialled.LocalAddr()) {
			return found
		}
		// Another program that dials whatever it finds, or what came between: that is
		// known when nothing of ours arrives.
		if errors.Is(found, ErrIntercepted) || errors.Is(found, ErrVirtualLoopback) {
			between = found
		}
	}
}

// ours reports why a connection that was accepted is not found to be this process's, on
// the address that it dialled.
func (c *selfCheck) ours(ip netip.Addr, local, remote netip.AddrPort) error {
	who, pid, err := c.owner(local, remote)
	var other *processError
	switch {
	case errors.As(err, &other) && other.pid != c.pid:
		return &FoundError{ErrIntercepted, processName(other.pid, other.image), other.err}
	case errors.Is(err, errNoRow):
		return c.elsewhere(local, remote, err)
	case err != nil:
		return fmt.Errorf("peer: cannot check who connects: %w", err)
	case pid != c.pid:
		return &FoundError{Kind: ErrIntercepted, What: c.found(pid)}
	case !who.SamePerson():
		return fmt.Errorf("%w: %s", errNotSelf, who.Account())
	case remote.Addr() != ip:
		return &FoundError{Kind: ErrVirtualLoopback, What: remote.Addr().String()}
	}
	return nil
}

// elsewhere explains a connection of this process that is not in the table: its ports
// are there, on addresses that this process is not shown.
func (c *selfCheck) elsewhere(local, remote netip.AddrPort, err error) error {
	found := fmt.Errorf("peer: cannot check who connects: %w", err)
	_ = c.rows(!local.Addr().Is4(), func(r row) {
		if r.pid == c.pid && r.local.Port() == remote.Port() && r.remote.Port() == local.Port() && r.local.Addr() != remote.Addr() {
			found = &FoundError{Kind: ErrVirtualLoopback, What: r.local.Addr().String()}
		}
	})
	return found
}

func (c *selfCheck) found(pid uint32) string {
	p, err := c.open(pid)
	if err != nil {
		return processName(pid, c.name(pid))
	}
	defer p.close()
	return processName(pid, p.image())
}

// connAddress is a TCP address, the zero value for any other.
func connAddress(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	at := tcp.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}
