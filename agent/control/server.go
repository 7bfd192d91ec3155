package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/atomicfile"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/strictjson"
)

// Method answers one call. An *Error goes out unchanged, any other error as
// CodeFailed with its text.
type Method func(ctx context.Context, params json.RawMessage) (any, error)

// Server answers on the control socket.
type Server struct {
	listener net.Listener
	log      *slog.Logger
	methods  atomic.Pointer[map[string]Method]

	mu    sync.Mutex
	conns []*serverConn // the oldest first
}

// serverConn is an open connection; busy while a method runs for it.
type serverConn struct {
	net.Conn
	busy bool
}

// NewServer returns a server that answers CodeStarting to every call until Ready.
func NewServer(h *Held, log *slog.Logger) *Server { return &Server{listener: h.listener, log: log} }

// Ready sets the methods.
func (s *Server) Ready(methods map[string]Method) { s.methods.Store(&methods) }

// Serve answers until ctx ends.
func (s *Server) Serve(ctx context.Context) {
	if s.listener == nil {
		return // Held.Err says why
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		_ = s.listener.Close()
		s.closeIdle()
	})
	defer stop()
	for {
		raw, err := s.listener.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of descriptors, or a client that has gone already: later
			// clients are to be served.
			s.log.Warn("control socket", "error", err)
			if !pause(ctx, acceptPause) {
				return
			}
			continue
		}
		if _, err := sameUser(raw); err != nil {
			s.log.Warn("control connection refused", "error", err, audit.Refusal)
			_ = raw.Close()
			continue
		}
		c := s.add(ctx, raw)
		if c == nil {
			continue
		}
		running.Go(func() {
			defer s.remove(c)
			s.converse(ctx, c)
		})
	}
}

const acceptPause = 100 * time.Millisecond

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// add closes the oldest idle connection where there are too many, so that a flood
// of silent ones keeps nobody out. Where all are busy it closes the new one.
func (s *Server) add(ctx context.Context, raw net.Conn) *serverConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= maxConns {
		i := slices.IndexFunc(s.conns, func(c *serverConn) bool { return !c.busy })
		if i < 0 {
			_ = raw.Close()
			return nil
		}
		_ = s.conns[i].Close()
		s.conns = slices.Delete(s.conns, i, i+1)
	}
	if ctx.Err() != nil {
		_ = raw.Close()
		return nil
	}
	c := &serverConn{Conn: raw}
	s.conns = append(s.conns, c)
	return c
}

func (s *Server) remove(c *serverConn) {
	_ = c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = slices.DeleteFunc(s.conns, func(x *serverConn) bool { return x == c })
}

// closeIdle lets busy connections receive their answer: the last may be that the
// agent ends.
func (s *Server) closeIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if !c.busy {
			_ = c.Close()
		}
	}
}

func (s *Server) setBusy(c *serverConn, busy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.busy = busy
}

// converse answers one request after another until the client closes, is silent
// for too long, or sends what cannot be parsed.
func (s *Server) converse(ctx context.Context, c *serverConn) {
	lines := bufio.NewReaderSize(c, maxRequest)
	for {
		_ = c.SetReadDeadline(time.Now().Add(lineLimit))
		line, err := lines.ReadSlice('\n')
		var a answer
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			a = answer{Error: &Error{CodeTooLong, fmt.Sprintf("a line has %d bytes at most", maxRequest)}}
		case err != nil:
			return
		default:
			s.setBusy(c, true)
			a = s.answer(ctx, line)
		}
		a.Version = Version
		_ = c.SetWriteDeadline(time.Now().Add(lineLimit))
		if _, err := c.Write(encode(a)); err != nil {
			return
		}
		s.setBusy(c, false)
		if ctx.Err() != nil {
			return // it was busy when the others were closed
		}
		if a.Error != nil && (a.Error.Code == CodeParse || a.Error.Code == CodeTooLong) {
			return // where the next line begins is unknown
		}
	}
}

func encode(a answer) []byte {
	text, err := json.Marshal(a)
	if err == nil && len(text) >= maxAnswer {
		err = fmt.Errorf("the answer has %d bytes", len(text))
	}
	if err != nil {
		text, _ = json.Marshal(answer{Version: a.Version, ID: a.ID, Error: &Error{CodeFailed, err.Error()}})
	}
	return append(text, '\n')
}

func (s *Server) answer(ctx context.Context, line []byte) answer {
	var r request
	if err := strictjson.Into(line, &r); err != nil {
		return answer{Error: &Error{CodeParse, "not one JSON object on one line"}}
	}
	a := answer{ID: r.ID}
	methods := s.methods.Load()
	switch {
	case r.Version != Version:
		a.Error = &Error{CodeVersion, fmt.Sprintf("this agent speaks version %d", Version)}
		return a
	case methods == nil:
		a.Error = &Error{CodeStarting, "the agent is not ready yet"}
		return a
	case (*methods)[r.Method] == nil:
		a.Error = &Error{CodeUnknownMethod, fmt.Sprintf("no method %.40q", r.Method)}
		return a
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	result, err := (*methods)[r.Method](ctx, r.Params)
	if err == nil {
		a.Result, err = json.Marshal(result)
	}
	if err != nil {
		s.log.Debug("control call failed", "method", r.Method, "error", err)
		a.Result, a.Error = nil, asError(err)
	}
	return a
}

func asError(err error) *Error {
	var ready *Error
	if errors.As(err, &ready) {
		return ready
	}
	if atomicfile.NoSpace(err) {
		return &Error{CodeNoSpace, err.Error()}
	}
	return &Error{CodeFailed, err.Error()}
}
