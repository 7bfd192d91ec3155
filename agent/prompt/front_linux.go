package prompt

import (
	"encoding/json"
	"sync"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// standing are the processes of windows that stand. It may be used from any goroutine.
type standing struct {
	mu        sync.Mutex
	processes map[*windowProcess]bool
}

func (s *standing) add(p *windowProcess) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.processes == nil {
		s.processes = map[*windowProcess]bool{}
	}
	s.processes[p] = true
}

func (s *standing) remove(p *windowProcess) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.processes, p)
}

// ToFront implements Fronting. pinentry's windows cannot be moved.
func (d *desktop) ToFront() (stands bool) {
	d.window.standing.mu.Lock()
	defer d.window.standing.mu.Unlock()
	for p := range d.window.standing.processes {
		stands = p.toFront() || stands
	}
	return stands
}

// toFront reports whether the window is that of a login. It returns at once, also where
// the process reads nothing.
func (p *windowProcess) toFront() bool {
	p.mu.Lock()
	asks := p.request.Origin != ""
	p.mu.Unlock()
	if !asks || !p.lives() {
		return false
	}
	if p.fronting.CompareAndSwap(false, true) {
		go func() {
			defer p.fronting.Store(false)
			_ = json.NewEncoder(p.running.stdin).Encode(dialog.Request{Front: true}) // it is ending
		}()
	}
	return true
}
