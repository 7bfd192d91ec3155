package attack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

func line17() []Attack {
	return []Attack{{
		Line: 17, Title: "huge, split, packed and deep messages of a page", Short: true,
		Options: stack.Options{AgentOnly: true},
		Play:    hugeMessages,
	}, {
		Line: 17, Title: "requests that never end", Short: true,
		Options: stack.Options{AgentOnly: true},
		Play:    endlessRequests,
	}, {
		Line: 17, Title: "256 sockets of strangers in sixteen domains, then the portal", Short: true,
		Options: stack.Options{AgentOnly: true, Ask: true, AutoPIN: settle},
		Play:    socketsOfOtherSites,
	}, {
		Line: 17, Title: "3,000 bare connections and 6,000 requests without a body while logins go on",
		Options: stack.Options{AgentOnly: true},
		Play:    floodOfConnections,
	}}
}

// mostGrowth is what the agent may have more under attack than before, in kB.
const mostGrowth = 64 << 10

// memory is the agent's memory in kB and the size of its table of descriptors, which the
// system tells everybody.
func (w *World) memory() (kB, descriptors int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.Agent.PID()))
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) > 1 && fields[0] == "VmRSS:":
			kB, _ = strconv.Atoi(fields[1])
		case len(fields) > 1 && fields[0] == "FDSize:":
			descriptors, _ = strconv.Atoi(fields[1])
		}
	}
	return kB, descriptors
}

// bounded checks that memory and descriptors have not grown beyond what is bounded.
func (w *World) bounded(r *Record, tried string, before int) {
	kB, descriptors := w.memory()
	r.Check(kB > 0 && kB < before+mostGrowth, "memory under "+tried, "%d kB, before %d kB", kB, before)
	r.Check(descriptors > 0 && descriptors <= 1024, "descriptors under "+tried, "a table of %d", descriptors)
}

// hugeMessages are sent by the portal's own page, which is the one that is listened to.
func hugeMessages(w *World, r *Record) error {
	before, _ := w.memory()
	frame := func(tried string, write func(c *websocket.Conn) error) error {
		page, _, err := w.Dial(w.Origin, nil)
		if err != nil {
			return err
		}
		defer page.Socket.Close()
		sent := make(chan struct{})
		go func() { defer close(sent); _ = write(page.Socket) }() // it fails when the agent closes
		_ = page.Socket.SetReadDeadline(time.Now().Add(patience))
		_, _, err = page.Socket.ReadMessage()
		var timeout net.Error
		r.Check(err != nil && (!errors.As(err, &timeout) || !timeout.Timeout()), tried, "%v", err)
		_ = page.Socket.Close()
		<-sent
		w.bounded(r, tried, before)
		return nil
	}
	raw := func(c *websocket.Conn, first byte, size uint64, payload io.Reader) error {
		header := []byte{first, 0xff}
		for shift := 56; shift >= 0; shift -= 8 {
			header = append(header, byte(size>>shift))
		}
		if _, err := c.NetConn().Write(append(header, 0, 0, 0, 0)); err != nil { // a mask that changes nothing
			return err
		}
		_, err := io.Copy(c.NetConn(), payload)
		return err
	}
	spaces := func(n int64) io.Reader { return io.LimitReader(repeated(' '), n) }
	for tried, write := range map[string]func(c *websocket.Conn) error{
		"a frame of 100 MB":         func(c *websocket.Conn) error { return raw(c, 0x81, 100<<20, spaces(100<<20)) },
		"a frame of 2^63 bytes":     func(c *websocket.Conn) error { return raw(c, 0x81, 1<<63-1, spaces(1<<20)) },
		"a packed frame":            func(c *websocket.Conn) error { return raw(c, 0xc1, 1000, spaces(1000)) },
		"a control frame of 64 KiB": func(c *websocket.Conn) error { return raw(c, 0x89, 64<<10, spaces(64<<10)) },
		"a continuation of nothing": func(c *websocket.Conn) error { return raw(c, 0x80, 10, spaces(10)) },
		"a binary frame":            func(c *websocket.Conn) error { return c.WriteMessage(websocket.BinaryMessage, []byte("{}")) },
		"a message in 100,000 frames": func(c *websocket.Conn) error {
			var b strings.Builder
			b.WriteString("\x01\x81\x00\x00\x00\x00 ")
			for range 100_000 {
				b.WriteString("\x00\x81\x00\x00\x00\x00 ")
			}
			_, err := io.WriteString(c.NetConn(), b.String())
			return err
		},
	} {
		if err := frame(tried, write); err != nil {
			return err
		}
	}
	_, response, err := w.Dial(w.Origin, http.Header{"Sec-WebSocket-Extensions": {"permessage-deflate"}})
	if err != nil {
		return err
	}
	r.Check(response.Header.Get("Sec-WebSocket-Extensions") == "", "an offer to pack messages", "%q", response.Header.Get("Sec-WebSocket-Extensions"))
	page, _, err := w.Dial(w.Origin, nil)
	if err != nil {
		return err
	}
	defer page.Socket.Close()
	for _, text := range []string{strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000), `{"jsonrpc":"2.0","id":1,"method":"status","params":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "}"} {
		if err := page.Socket.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			return err
		}
		var a Answer
		_ = page.Socket.SetReadDeadline(time.Now().Add(patience))
		if err := page.Socket.ReadJSON(&a); err != nil {
			return err
		}
		r.Check(a.Error != nil && (a.Error.Code == -32600 || a.Error.Code == -32700), "10,000 levels of JSON, "+text[:12]+"…", "%+v", a.Error)
	}
	err = w.Login()
	r.Check(err == nil, "a login after all of them", "%v", err)
	return nil
}

// repeated is one character for ever.
type repeated byte

func (c repeated) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(c)
	}
	return len(b), nil
}

// endlessRequests are answered or dropped, each in its time, and their connections closed.
func endlessRequests(w *World, r *Record) error {
	for tried, c := range map[string]struct{ text, answer, reason string }{
		"a body that does not come": {"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 403", "body"},
		"a body that waits":         {"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 403", "body"},
		"chunks that do not end":    {"POST / HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "HTTP/1.1 403", "body"},
		"keeping alive":             {"GET / HTTP/1.1\r\nHost: %s\r\nConnection: keep-alive\r\n\r\n", "HTTP/1.1 200", ""},
		"keeping alive in HTTP/1.0": {"POST / HTTP/1.0\r\nHost: %s\r\nConnection: keep-alive\r\n\r\n", "HTTP/1.0 404", ""},
		"twenty at once":            {strings.Repeat("GET / HTTP/1.1\r\nHost: %[1]s\r\n\r\n", 20), "HTTP/1.1 200", ""},
		"half a megabyte of header": {"GET / HTTP/1.1\r\nHost: %s\r\nX: " + strings.Repeat("x", 512<<10) + "\r\n\r\n", "HTTP/1.1 431", ""},
	} {
		conn, err := net.Dial("tcp", w.AgentAddress())
		if err != nil {
			return err
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = fmt.Fprintf(conn, c.text, w.AgentAddress()) // refused midway where it is too long
		answer, err := io.ReadAll(conn)
		_ = conn.Close()
		var timeout net.Error
		open := errors.As(err, &timeout) && timeout.Timeout()
		first, _, _ := strings.Cut(string(answer), "\r\n")
		status := strings.Replace(first, "HTTP/1.1 404", "HTTP/1.0 404", 1) // Go answers 1.0 with either
		r.Check(!open && strings.Count(string(answer), "HTTP/1.") == 1 && (strings.HasPrefix(first, c.answer) || strings.HasPrefix(status, c.answer)), tried, "%q, closed: %v", first, !open)
		if c.reason != "" {
			r.Check(w.Refused(c.reason) > 0, "the log", "%d refusals with reason=%s", w.Refused(c.reason), c.reason)
		}
	}
	return nil
}

// allow starts the agent anew, with the portal allowed beside all sites that may ask.
func (w *World) allow() error {
	settings, err := os.ReadFile(w.Path("agent.toml"))
	if err != nil {
		return err
	}
	const mode = "mode = \"ask\"\n"
	more := strings.Replace(string(settings), mode, mode+fmt.Sprintf("allow = [%q]\n", w.Origin), 1)
	if err := os.WriteFile(w.Path("agent.toml"), []byte(more), 0o600); err != nil {
		return err
	}
	if err := w.Agent.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	_ = w.Agent.Wait() // ended by us
	w.Agent, err = w.StartAgent(w.Context, false, "--no-tray")
	return err
}

// socketsOfOtherSites takes all sockets, and then the portal's page wants one, and forty
// of its tabs.
func socketsOfOtherSites(w *World, r *Record) error {
	if err := w.allow(); err != nil {
		return err
	}
	opened := map[int]int{}
	for n := range 20 * 20 {
		page, response, err := w.Dial(fmt.Sprintf("https://s%d.evil%d.example", n, n/20), nil)
		if err == nil {
			defer page.Socket.Close()
			opened[n/20]++
		} else if response == nil {
			return err
		}
	}
	all := 0
	for _, n := range opened {
		all += n
		r.Check(n <= 16, "twenty sockets of a domain's subdomains", "%d opened", n)
	}
	r.Check(all == 256, "400 sockets of twenty domains", "%d opened", all)
	r.Check(w.Refused("too_many_connections") > 0, "the log", "%d refusals with reason=too_many_connections", w.Refused("too_many_connections"))
	for n := range 40 {
		page, _, err := w.Dial(w.Origin, nil)
		if err == nil {
			defer page.Socket.Close()
		}
		r.Check(err == nil, fmt.Sprintf("tab %d of the portal", n+1), "%v", err)
	}
	err := w.Login()
	r.Check(err == nil, "the portal's login meanwhile", "%v", err)
	displaced := strings.Count(w.Log(), "socket closed for room")
	r.Check(displaced > 0, "the log", "%d sockets closed for room", displaced)
	return nil
}

// floodOfConnections holds bare connections and posts without a body, neither of which
// reads, while the portal's page logs in.
//
// A connection that has not sent its request makes place for newer ones, whose it may be, and
// does so where the machine is slow: the person clicks once more, a few times at most.
func floodOfConnections(w *World, r *Record) error {
	before, _ := w.memory()
	ctx, cancel := context.WithCancel(w.Context)
	defer cancel()
	var mu sync.Mutex
	var held []net.Conn
	defer func() {
		for _, c := range held {
			_ = c.Close()
		}
	}()
	flood := func(n int, text string) {
		var some sync.WaitGroup
		for range 20 {
			some.Go(func() {
				for range n / 20 {
					var d net.Dialer
					conn, err := d.DialContext(ctx, "tcp", w.AgentAddress())
					if err != nil {
						return
					}
					_, _ = io.WriteString(conn, text)
					mu.Lock()
					held = append(held, conn)
					mu.Unlock()
				}
			})
		}
		some.Wait()
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		flood(3000, "")
		flood(6000, "POST / HTTP/1.1\r\nHost: "+w.AgentAddress()+"\r\n\r\n")
	}()
	logins := 0
	for under := true; under; logins++ {
		err := w.Login()
		for tries := 1; errors.Is(err, errNoSocket) && tries < mostTries; tries++ {
			err = w.Login()
		}
		if err != nil {
			r.Check(false, fmt.Sprintf("login %d under the flood", logins+1), "%v", err)
		}
		w.bounded(r, "the flood", before)
		select {
		case <-ended:
			under = false
		default:
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(held) < 9000 {
		return Missing(fmt.Sprintf("the limit on open files allows %d of 9,000 connections", len(held)))
	}
	r.Check(logins > 0, "logins under 9,000 connections", "%d tokens", logins)
	answered := 0
	for _, conn := range held[3000:] {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if line, _ := bufio.NewReader(conn).ReadString('\n'); strings.Contains(line, "404") {
			answered++
		}
	}
	r.Check(answered > 0, "posts without a body", "%d of 6,000 got 404, the others were closed", answered)
	return nil
}
