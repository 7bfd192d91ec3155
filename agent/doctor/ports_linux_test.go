package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// TestSockets reads the real tables.
func TestSockets(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		list, err := Sockets([]int{port, 1})
		if err != nil || len(list) != 1 || list[0] != (Socket{Port: port, Own: true, Account: strconv.Itoa(os.Getuid()), Program: self, PID: os.Getpid()}) {
			t.Errorf("%+v %v", list, err)
		}
		if dialled, err := net.Dial("tcp", l.Addr().String()); err != nil { // a connection is no listener
			t.Error(err)
		} else {
			defer dialled.Close()
		}
		if repeated, err := Sockets([]int{port}); err != nil || len(repeated) != 1 {
			t.Errorf("%+v %v", repeated, err)
		}
	}
}

// TestSocketAddresses: a listener conflicts with the agent only where it is reached
// at the agent's own addresses.
func TestSocketAddresses(t *testing.T) {
	for _, c := range []struct {
		address string
		want    int
	}{{"127.0.0.1", 1}, {"0.0.0.0", 1}, {"[::1]", 1}, {"[::]", 1}, {"[::ffff:127.0.0.1]", 1}, {"127.0.0.2", 0}, {"127.1.0.1", 0}, {"[::ffff:127.0.0.2]", 0}} {
		l, err := listenOn(c.address)
		if err != nil {
			t.Fatal(err)
		}
		list, err := Sockets([]int{l.Addr().(*net.TCPAddr).Port})
		if err := errors.Join(err, l.Close()); err != nil || len(list) != c.want {
			t.Errorf("%s: %+v %v, want %d", c.address, list, err, c.want)
		}
	}
}

// listenOn binds an address of the form ::ffff:127.0.0.1 as IPv6: package net would
// make an IPv4 socket of it.
func listenOn(address string) (net.Listener, error) {
	v4, mapped := strings.CutPrefix(strings.Trim(address, "[]"), "::ffff:")
	if !mapped {
		return net.Listen("tcp", address+":0")
	}
	fd, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	to := syscall.SockaddrInet6{Addr: netip.MustParseAddr("::ffff:" + v4).As16()}
	if err := errors.Join(syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 0), syscall.Bind(fd, &to), syscall.Listen(fd, 1)); err != nil {
		return nil, err
	}
	return net.FileListener(f)
}

// TestSharedPort: where another user holds one of a port's two addresses, both
// sockets are reported, and the agent runs.
func TestSharedPort(t *testing.T) {
	me := Socket{Port: 27720, Own: true, Program: "/usr/bin/cpx-agent", PID: 7}
	other := Socket{Port: 27720, Account: "1001"}
	for _, list := range [][]Socket{{me, me, other}, {other, me, other}} {
		o := healthy(t)
		o.Sockets = func([]int) ([]Socket, error) { return list, nil }
		found := codes(Run(t.Context(), o))
		for _, code := range []string{"agent_runs", "port_other_user"} {
			if n := len(slices.DeleteFunc(slices.Clone(found), func(c string) bool { return c != code })); n != 1 {
				t.Errorf("%d of %s in %v", n, code, found)
			}
		}
		if slices.Contains(found, "no_agent") || slices.Contains(found, "no_free_port") {
			t.Error(found)
		}
	}
}

// TestOtherUser: of another user's program only the user is reported, by number.
func TestOtherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("becoming another user needs root: run as root to test what is reported of another user")
	}
	cmd := testdesktop.As(testdesktop.PublicCopy(t), testdesktop.Nobody, listenVariable+"=1")
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close(); _ = cmd.Wait() }()
	var port int
	if _, err := fmt.Fscan(stdout, &port); err != nil {
		t.Fatal(err)
	}
	o := healthy(t)
	o.Sockets = nil
	o.Policy.Ports.First, o.Policy.Ports.Count = port, 1
	r := Run(t.Context(), o)
	if f := find(t, r, "port_other_user"); !strings.Contains(f.Text, "65534") || strings.Contains(f.Text, "nobody") {
		t.Errorf("%+v", f)
	}
	find(t, r, "no_free_port")
	o.Identity = true
	if f := find(t, Run(t.Context(), o), "port_other_user"); !strings.Contains(f.Text, "nobody") {
		t.Errorf("%+v", f)
	}
}

// TestWSSAddress: where wss is enabled, its address is reported, from the socket or
// by the agent itself; a socket without a certificate does not count as served.
func TestWSSAddress(t *testing.T) {
	plain := Socket{Port: 27720, Own: true, Program: "/usr/bin/cpx-agent", PID: 7}
	wss := plain
	wss.Port = 27820
	served := state.State{Addresses: []string{"127.0.0.1:27720"}, WSS: []string{"127.0.0.1:27820", "[::1]:27820"}}
	for name, c := range map[string]struct {
		sockets []Socket
		report  state.State
		served  bool
		text    string
	}{
		"served":                    {[]Socket{plain, wss}, served, true, "27820"},
		"sockets unknown":           {nil, served, true, "127.0.0.1:27820, [::1]:27820"},
		"no socket":                 {[]Socket{plain}, state.State{WSSFailure: &state.Failure{Reason: "TEST", Detail: "TEST why"}}, false, "TEST why"},
		"no certificate":            {[]Socket{plain, wss}, state.State{WSSFailure: &state.Failure{Reason: "TEST", Detail: "TEST why"}}, false, "TEST why"},
		"unknown, not served":       {nil, state.State{WSSFailure: &state.Failure{Reason: "TEST", Detail: "TEST why"}}, false, "TEST why"},
		"settings newer than agent": {[]Socket{plain}, state.State{}, false, ""},
		"another program's port":    {[]Socket{plain, {Port: 27820, Own: true, Program: "/usr/bin/other", PID: 8}}, state.State{}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := healthy(t)
			o.Policy.WSS.Enabled = true
			o.Answers = func(context.Context) (state.State, error) { return c.report, nil }
			o.Sockets = func([]int) ([]Socket, error) {
				if c.sockets == nil {
					return nil, ErrNoSockets
				}
				return c.sockets, nil
			}
			r := Run(t.Context(), o)
			code, other := "agent_no_wss", "agent_serves_wss"
			if c.served {
				code, other = other, code
			}
			if f := find(t, r, code); !strings.Contains(f.Text, c.text) || !c.served && c.text == "" && f.Next == "" {
				t.Errorf("%+v", f)
			}
			if slices.Contains(codes(r), other) {
				t.Error(codes(r))
			}
		})
	}
}

// TestDial fails for a listener that accepts nobody, and for one that answers with
// anything but the agent's page.
func TestDial(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel, and answers nobody
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := dial(ctx, silent.Addr().String()); err == nil {
		t.Error("a listener that answers nobody was reached")
	}
	for status, good := range map[int]bool{http.StatusOK: true, http.StatusForbidden: false} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		if err := dial(t.Context(), s.Listener.Addr().String()); (err == nil) != good {
			t.Errorf("%d: %v", status, err)
		}
		s.Close()
	}
}
