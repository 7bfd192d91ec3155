package events

import (
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
)

const (
	// queued is how many events wait while the system's log takes none: a stopped journald
	// takes some hundreds itself.
	queued = 256
	// closeLimit is how long an agent that ends waits for the last ones.
	closeLimit = time.Second

	firstPause = 500 * time.Millisecond
	lastPause  = time.Minute
)

// Options say how events are sent.
type Options struct {
	Lang    string // of their messages
	Version string // the agent's
}

// Sender sends events while it is switched on.
type Sender struct {
	o    Options
	on   atomic.Bool
	lost atomic.Int64
	// send hands an event to the system's log; it may wait, and must not be called
	// concurrently.
	send    func(Event) error
	log     *slog.Logger
	queue   chan Event
	closing chan struct{}
	ended   chan struct{} // nil: never started
	mu      sync.Mutex    // of Set and Close
}

// New makes a sender that is switched off.
func New(o Options) *Sender {
	s := &Sender{o: o, queue: make(chan Event, queued), closing: make(chan struct{})}
	s.send = func(e Event) error { return send(e, o.Lang) }
	return s
}

// Handler is the part of the log that takes the events out of it.
func (s *Sender) Handler() slog.Handler { return handler{s} }

// Set switches it on or off, which are events too: whoever collects them sees that nothing
// comes any more because somebody wanted it so. log is told where they cannot be sent.
func (s *Sender) Set(yes bool, log *slog.Logger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch was := s.on.Load(); {
	case yes && !was:
		if s.ended == nil {
			s.log, s.ended = log, make(chan struct{})
			go s.run()
		}
		s.put(Event{on, factsOfVersion(s.o.Version)})
		s.on.Store(true)
	case was && !yes:
		s.on.Store(false)
		s.put(Event{Kind: off})
	}
}

func factsOfVersion(version string) []Fact {
	if !release.MatchString(version) {
		return nil
	}
	return []Fact{{"version", version}}
}

// put queues an event, or counts it where too many wait.
func (s *Sender) put(e Event) {
	select {
	case s.queue <- e:
	default:
		s.lost.Add(1)
	}
}

// run sends what is queued, one after the other.
func (s *Sender) run() {
	defer close(s.ended)
	for {
		select {
		case e := <-s.queue:
			s.sendSurely(e)
		case <-s.closing:
			for len(s.queue) > 0 {
				s.sendSurely(<-s.queue)
			}
			s.sendLost()
			return
		}
		s.sendLost()
	}
}

// sendLost sends how many did not fit into the queue.
func (s *Sender) sendLost() {
	if n := s.lost.Swap(0); n > 0 {
		s.sendSurely(Event{lost, []Fact{{"more", strconv.FormatInt(n, 10)}}})
	}
}

// sendSurely sends an event, again and again where it fails, until the agent ends.
func (s *Sender) sendSurely(e Event) {
	pause := firstPause
	for {
		err := s.send(e)
		if err == nil {
			if pause > firstPause {
				s.log.Info("security events reach the system's log again")
			}
			return
		}
		if pause == firstPause {
			s.log.Warn("security events do not reach the system's log; trying again", "error", err)
		}
		select {
		case <-time.After(pause):
		case <-s.closing:
			return
		}
		pause = min(2*pause, lastPause)
	}
}

// Close sends what is queued, as far as the system's log takes it within a second.
func (s *Sender) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on.Store(false)
	if s.ended == nil {
		return
	}
	select {
	case <-s.closing:
		return
	default:
		close(s.closing)
	}
	select {
	case <-s.ended:
	case <-time.After(closeLimit):
	}
}

// SettingsRefused is the event of a start that refuses its settings for err, and therefore
// has no agent. It waits no longer than Close.
func SettingsRefused(o Options, err error) {
	e := Event{Kind: refusedAtStart}
	if where, is := errors.AsType[*policy.SettingsError](err); is {
		e.Facts = factsOf(map[string]slog.Value{"key": slog.StringValue(where.Key), "line": slog.IntValue(where.Line)})
	}
	s := New(o)
	s.log, s.ended = slog.New(slog.DiscardHandler), make(chan struct{})
	go s.run()
	s.put(e)
	s.Close()
}
