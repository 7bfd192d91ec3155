package gate

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
)

// failing is a listener whose accept fails as the test says.
type failing struct {
	net.Listener
	errs chan error
}

func (f *failing) Accept() (net.Conn, error) {
	select {
	case err := <-f.errs:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", err)}
	default:
		return f.Listener.Accept()
	}
}

// failingGate is a gate whose first listener fails with these errors.
func failingGate(t *testing.T, log io.Writer, errs ...error) *Gate {
	t.Helper()
	g := newGate(t, setup{settings: "[origins]\nallow = [\"" + listedOrigin + "\"]\n", logTo: log})
	queue := make(chan error, len(errs))
	for _, err := range errs {
		queue <- err
	}
	g.pages.listeners[0] = &failing{g.pages.listeners[0], queue}
	return g
}

// TestAcceptIsWaitedOut: what passes by itself is waited out, said once, and a page
// gets in afterwards.
func TestAcceptIsWaitedOut(t *testing.T) {
	for name, err := range lacking {
		t.Run(name, func(t *testing.T) {
			log := &lockedBuffer{}
			g := failingGate(t, log, err, err, err)
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- g.Serve(ctx) }()
			open(t, g, listedOrigin)
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("the gate ended with %v", err)
			}
			if n := strings.Count(log.String(), "no connection can be accepted"); n != 1 {
				t.Errorf("said %d times:\n%s", n, log)
			}
			if !strings.Contains(log.String(), "accepted again") {
				t.Errorf("that it passed is not said:\n%s", log)
			}
		})
	}
}

// TestAcceptFails: a listener that fails for good ends the gate, which says so; it
// never stays deaf.
func TestAcceptFails(t *testing.T) {
	g := failingGate(t, io.Discard, syscall.EMFILE, syscall.EBADF)
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(t.Context()) }()
	select {
	case err := <-ended:
		if !errors.Is(err, errListener) || !errors.Is(err, syscall.EBADF) {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a deaf gate goes on")
	}
}

// endedPage reports why it ends.
type endedPage struct {
	testPage
	cause chan<- error
}

func (p *endedPage) Serve(ctx context.Context) {
	defer p.socket.Close()
	<-ctx.Done()
	p.cause <- context.Cause(ctx)
}

// TestAcceptFailsWithPages: pages are cancelled then as at any other end. Why a
// listener failed is nothing that their logins end with.
func TestAcceptFailsWithPages(t *testing.T) {
	g := newGate(t, setup{settings: "[origins]\nallow = [\"" + listedOrigin + "\"]\n"})
	cause := make(chan error, 1)
	g.Options.Page = func(socket *websocket.Conn, _ peer.Caller) Page {
		return &endedPage{testPage: testPage{socket: socket}, cause: cause}
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(t.Context()) }()
	open(t, g, listedOrigin)
	if err := g.pages.listeners[0].Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, errListener) {
		t.Errorf("it ended with %v", err)
	}
	if err := <-cause; !errors.Is(err, context.Canceled) {
		t.Errorf("a page ended with %v", err)
	}
}

// TestOwnerWithoutDescriptors: the look-up of an owner that lacks a descriptor is
// made again, a pending connection less, and only so often.
func TestOwnerWithoutDescriptors(t *testing.T) {
	for name, c := range map[string]struct {
		lacks int
		admit bool
	}{"once": {1, true}, "always": {ownerTries, false}} {
		t.Run(name, func(t *testing.T) {
			lacks := make(chan error, c.lacks)
			for range c.lacks {
				lacks <- lacking["descriptors"]
			}
			g := serve(t, setup{owner: func(netip.AddrPort, netip.AddrPort) (peer.Identity, error) {
				select {
				case err := <-lacks:
					return peer.Identity{}, err
				default:
					return peer.Self(nil), nil
				}
			}})
			socket, _, err := connect(g, http.Header{"Origin": {listedOrigin}})
			if (err == nil) != c.admit {
				t.Errorf("%v", err)
			}
			if err == nil {
				socket.Close()
			}
		})
	}
}

// TestOwnerUnknown: where the look-up stops working later, each connection is refused,
// and each refusal is in the log with its reason.
func TestOwnerUnknown(t *testing.T) {
	var log lockedBuffer
	g := serve(t, setup{logTo: &log, owner: func(netip.AddrPort, netip.AddrPort) (peer.Identity, error) {
		return peer.Identity{}, syscall.EPERM
	}})
	for n := 1; n <= 2; n++ {
		if _, response, err := connect(g, http.Header{"Origin": {listedOrigin}}); err == nil || response != nil {
			t.Errorf("it answers: %v %v", response, err)
		}
		if got := strings.Count(log.String(), "reason=peer_unknown"); got != n {
			t.Errorf("%d refusals in the log of %d:\n%s", got, n, log.String())
		}
	}
}
