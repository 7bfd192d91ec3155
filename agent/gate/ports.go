package gate

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
)

// ports are listeners on one port of a range. The zero value listens nowhere.
type ports struct {
	mu        sync.Mutex
	listeners []net.Listener
	port      int
	stop      func() // ends them, and none of the connections that came on them; nil: they do not serve yet
}

// replace puts listeners, or none, in the place of those that are there, and returns what
// ends those.
func (p *ports) replace(listeners []net.Listener, port int, stop func()) (before func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before = p.stop
	p.listeners, p.port, p.stop = listeners, port, stop
	if before == nil {
		return func() {}
	}
	return before
}

// at is the port, 0 for none, and its addresses.
func (p *ports) at() (port int, list []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.listeners {
		list = append(list, l.Addr().String())
	}
	return p.port, list
}

// within reports whether it listens on a port of the range.
func (p *ports) within(first, count int) bool {
	port, _ := p.at()
	return port >= first && port < first+count
}

// serving is a Gate that serves.
type serving struct {
	*Gate
	ctx     context.Context
	web     *http.Server
	running *sync.WaitGroup
	end     context.CancelCauseFunc // of the gate
}

// serve hands on what listeners accept, as wrap has it, until stop or the end of the gate. A
// listener that fails for good ends the gate.
func (s *serving) serve(listeners []net.Listener, wrap func(net.Listener) net.Listener, attributes ...any) (stop func()) {
	ctx, cancel := context.WithCancel(s.ctx)
	said := func(l net.Listener) []any {
		return append(append([]any{"address", l.Addr().String()}, attributes...), audit.Agent)
	}
	for _, l := range listeners {
		s.Logger.Info("listening", said(l)...)
		s.running.Go(func() {
			err := s.web.Serve(wrap(s.accepting(ctx, l)))
			if ctx.Err() == nil || s.ctx.Err() != nil {
				s.end(err)
			}
		})
	}
	return func() {
		cancel()
		for _, l := range listeners {
			s.Logger.Info("no longer listening", said(l)...)
			_ = l.Close()
		}
	}
}

func asIs(l net.Listener) net.Listener { return l }

// portPause is how long a range of which every port is in use is waited for.
const portPause = 30 * time.Second

// followPorts moves to the settings' range when they change: there first, so that there is
// always a port. Sockets stay on the old one.
func (s *serving) followPorts() {
	complained := false
	for {
		var retry <-chan time.Time
		if want := s.policy.Load().Ports; !s.pages.within(want.First, want.Count) {
			listeners, port, err := listen(want.First, want.Count)
			if err == nil {
				s.pages.replace(listeners, port, s.serve(listeners, asIs))()
			} else {
				retry = time.After(portPause)
				if !complained {
					s.Logger.Warn("the agent stays on its port: no other is free", "error", err, audit.Setting)
				}
			}
			complained = err != nil
			s.Changed()
		} else {
			complained = false
		}
		select {
		case <-s.portsWanted:
		case <-retry:
		case <-s.ctx.Done():
			return
		}
	}
}

// SetPolicy makes other settings count: at once for connections that come, and for ports
// as soon as those are open. It does not wait, and leaves open sockets to their pages.
func (g *Gate) SetPolicy(e *policy.Effective) {
	g.policy.Store(e)
	for _, wanted := range []chan struct{}{g.portsWanted, g.wssWanted} {
		select {
		case wanted <- struct{}{}:
		default: // the one that is there serves for both
		}
	}
}
