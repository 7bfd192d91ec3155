// Package vreader has virtual smart card readers: a stand-in for pcscd that
// speaks the client protocol of pcsc-lite, versions 4.4 and 4.5, on a socket of its
// own, so that an unmodified libpcsclite finds virtual cards (package vcard) without
// root and without a daemon. A program uses it with PCSCLITE_CSOCK_NAME set to
// the socket's path.
//
// All methods may be called concurrently. It never serves other users' programs:
// only the user who made the socket may open it.
package vreader

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
)

// maxReaders is the length of the protocol's table of readers.
const maxReaders = 16

// maxName is the longest reader name in bytes, without the terminating zero.
const maxName = 127

// Service is a stand-in for pcscd.
type Service struct {
	path     string
	listener net.Listener
	clients  sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	refuses bool // it serves no program of this desktop session
	readers []*Reader
	conns   map[*client]bool
	handles map[int32]*handle
	last    int32  // the last context or handle assigned
	events  uint32 // how often readers have come and gone

	requests atomic.Int64
}

// Listen serves on a Unix socket, which it makes and which must not exist.
func Listen(path string) (*Service, error) {
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("vreader: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s := &Service{path: path, listener: l, conns: map[*client]bool{}, handles: map[int32]*handle{}}
	s.clients.Go(s.accept)
	return s, nil
}

// Requests returns how many messages programs have sent so far: a waiting program
// sends none.
func (s *Service) Requests() int64 { return s.requests.Load() }

// Path returns the socket's path, for PCSCLITE_CSOCK_NAME.
func (s *Service) Path() string { return s.path }

// Refuse makes the service refuse every program from now on, as polkit makes pcscd
// where a person is connected from elsewhere; false ends that.
func (s *Service) Refuse(refuses bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuses = refuses
}

func (s *Service) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		c := &client{service: s, conn: conn}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			_ = conn.Close()
			return
		}
		s.conns[c] = true
		s.mu.Unlock()
		s.clients.Go(c.serve)
	}
}

// Close ends the service as if the daemon were stopped: its socket is gone, and
// every waiting program is disconnected.
func (s *Service) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		_ = c.conn.Close()
	}
	for _, r := range s.readers {
		r.interrupt()
	}
	s.mu.Unlock()
	s.clients.Wait()
	return err
}

// Reader is a virtual reader. Its methods may be called concurrently.
type Reader struct {
	service *Service
	name    string
	pinPad  bool

	working sync.Mutex // held while the card answers

	// Under the service's lock.
	card      vcard.Card // nil where the reader is empty
	delay     func(command []byte) time.Duration
	trace     func(command, answer []byte)
	count     uint32 // insertions and removals so far
	inserted  uint32 // the count at this card's insertion
	unplugged bool
	exclusive *handle
	locked    *handle // the one that has begun a transaction
	gone      chan struct{}
	keys      chan string // what a person types on the PIN pad

	apdus *atomic.Int64 // see ReaderOptions
}

// ReaderOptions are options of Plug.
type ReaderOptions struct {
	// PINPad makes it a reader with a PIN pad: see Type and CancelPINPad.
	PINPad bool
	// APDUs, where not nil, counts the commands that programs send to the cards.
	APDUs *atomic.Int64
}

// Plug adds an empty reader.
func (s *Service) Plug(name string, o ReaderOptions) (*Reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(name) == 0 || len(name) > maxName || len(s.readers) == maxReaders {
		return nil, fmt.Errorf("vreader: %q: at most %d readers, names of at most %d bytes", name, maxReaders, maxName)
	}
	if slices.ContainsFunc(s.readers, func(r *Reader) bool { return r.name == name }) {
		return nil, fmt.Errorf("vreader: there is a reader %q already", name)
	}
	if o.APDUs == nil {
		o.APDUs = new(atomic.Int64)
	}
	r := &Reader{service: s, name: name, pinPad: o.PINPad, apdus: o.APDUs, gone: make(chan struct{}), keys: make(chan string)}
	s.readers = append(s.readers, r)
	s.events++
	s.changed()
	return r, nil
}

// Unplug removes a reader, with its card.
func (r *Reader) Unplug() {
	s := r.service
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.unplugged {
		return
	}
	r.unplugged = true
	s.readers = slices.DeleteFunc(s.readers, func(x *Reader) bool { return x == r })
	r.removeCard()
	s.events++
	s.changed()
}

// Insert inserts a card, after removing one that is in the reader.
func (r *Reader) Insert(card vcard.Card) {
	s := r.service
	s.mu.Lock()
	r.removeCard()
	s.mu.Unlock()
	r.working.Lock() // the same card may still answer its last command
	card.Reset()
	r.working.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	r.removeCard()
	r.card = card
	r.count++
	r.inserted = r.count
	s.changed()
}

// Remove removes the card, even while it answers.
func (r *Reader) Remove() {
	s := r.service
	s.mu.Lock()
	defer s.mu.Unlock()
	r.removeCard()
	s.changed()
}

// removeCard removes the card. The service's lock is held.
func (r *Reader) removeCard() {
	if r.card == nil {
		return
	}
	r.card = nil
	r.count++
	r.locked, r.exclusive = nil, nil
	r.interrupt()
}

// interrupt ends what the reader waits for. The service's lock is held.
func (r *Reader) interrupt() {
	close(r.gone)
	r.gone = make(chan struct{})
}

// Card returns the card in the reader, nil for none.
func (r *Reader) Card() vcard.Card {
	r.service.mu.Lock()
	defer r.service.mu.Unlock()
	return r.card
}

// Transmit sends a command to the card without the service, as another machine
// that has the card could. It returns nil where there is no card.
func (r *Reader) Transmit(command []byte) []byte {
	r.working.Lock()
	defer r.working.Unlock()
	card := r.Card()
	if card == nil {
		return nil
	}
	return card.Transmit(command)
}

// SetDelay delays the answer to each command; nil ends that.
func (r *Reader) SetDelay(delay func(command []byte) time.Duration) {
	r.service.mu.Lock()
	defer r.service.mu.Unlock()
	r.delay = delay
}

// SetTrace calls trace with each command and its answer. They contain PINs.
func (r *Reader) SetTrace(trace func(command, answer []byte)) {
	r.service.mu.Lock()
	defer r.service.mu.Unlock()
	r.trace = trace
}

// Type types a PIN on the reader's PIN pad. It returns false where no program asked
// for one within the limit.
func (r *Reader) Type(pin string, limit time.Duration) bool {
	select {
	case r.keys <- pin:
		return true
	case <-time.After(limit):
		return false
	}
}

// cancelKey means the PIN pad's red key.
const cancelKey = "\x1b"

// CancelPINPad presses the PIN pad's red key. It returns what Type does.
func (r *Reader) CancelPINPad(limit time.Duration) bool { return r.Type(cancelKey, limit) }

// timeoutKey means that nobody types on the PIN pad before its time is up.
const timeoutKey = "\x00"

// TimeOutPINPad lets the PIN pad's time run out. It returns what Type does.
func (r *Reader) TimeOutPINPad(limit time.Duration) bool { return r.Type(timeoutKey, limit) }

// changed wakes the waiting clients. The service's lock is held.
func (s *Service) changed() {
	for c := range s.conns {
		c.wake(codeSuccess)
	}
}
