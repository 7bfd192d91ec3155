// Package vreader is virtual smart card readers: a stand-in for pcscd that
// speaks the client protocol of pcsc-lite, version 4.4, on a socket of its own,
// so that an unmodified libpcsclite finds virtual cards (package vcard) without
// root and without a daemon. A program uses it with PCSCLITE_CSOCK_NAME set to
// the socket's path.
//
// It serves programs of whoever may open the socket, which is the user who made
// it. All methods may be called concurrently.
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

// maxReaders is what the protocol has room for.
const maxReaders = 16

// maxName is the longest reader name, without its end.
const maxName = 127

// Service is a stand-in for pcscd.
type Service struct {
	path     string
	listener net.Listener
	clients  sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	readers []*Reader
	conns   map[*client]bool
	handles map[int32]*handle
	last    int32 // the last context or handle given

	requests atomic.Int64
}

// Listen serves on a Unix socket, which must not exist.
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

// Requests is how many messages programs have sent so far: a program that waits
// sends none.
func (s *Service) Requests() int64 { return s.requests.Load() }

// Path is the socket's, for PCSCLITE_CSOCK_NAME.
func (s *Service) Path() string { return s.path }

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

// Close ends the service, as a daemon that is stopped: its socket is gone and
// every program that waits is told so.
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

// Reader is a virtual reader.
type Reader struct {
	service *Service
	name    string
	pinPad  bool

	working sync.Mutex // held while the card answers

	// Under the service's lock.
	card      vcard.Card // nil: empty
	delay     func(command []byte) time.Duration
	trace     func(command, answer []byte)
	count     uint32 // insertions and removals so far
	inserted  uint32 // which insertion this card is
	unplugged bool
	exclusive *handle
	locked    *handle // who has begun a transaction
	gone      chan struct{}
	keys      chan string // what a person types on the pad

	apdus *atomic.Int64 // see ReaderOptions
}

// ReaderOptions make a Reader.
type ReaderOptions struct {
	// PINPad makes it a reader with a key pad: see Type and CancelPINPad.
	PINPad bool
	// APDUs, where not nil, counts the commands that programs send to the cards.
	APDUs *atomic.Int64
}

// Plug adds a reader, empty.
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
	s.changed()
	return r, nil
}

// Unplug takes a reader away, with its card.
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
	s.changed()
}

// Insert puts a card in; one that is there is taken out first.
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

// Remove takes the card out, also while it works.
func (r *Reader) Remove() {
	s := r.service
	s.mu.Lock()
	defer s.mu.Unlock()
	r.removeCard()
	s.changed()
}

// removeCard takes the card out. The service's lock is held.
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

// Card is the card in the reader, nil for none.
func (r *Reader) Card() vcard.Card {
	r.service.mu.Lock()
	defer r.service.mu.Unlock()
	return r.card
}

// Transmit sends a command to the card, past the service: what another machine
// with the card in its hands could do. nil where there is no card.
func (r *Reader) Transmit(command []byte) []byte {
	r.working.Lock()
	defer r.working.Unlock()
	card := r.Card()
	if card == nil {
		return nil
	}
	return card.Transmit(command)
}

// SetDelay makes the card slow: by so much for each command. nil for none.
func (r *Reader) SetDelay(delay func(command []byte) time.Duration) {
	r.service.mu.Lock()
	defer r.service.mu.Unlock()
	r.delay = delay
}

// SetTrace has each command and its answer told, PINs among them.
func (r *Reader) SetTrace(trace func(command, answer []byte)) {
	r.service.mu.Lock()
	defer r.service.mu.Unlock()
	r.trace = trace
}

// Type types a PIN on the reader's pad, and false where nobody asked for one
// within the limit.
func (r *Reader) Type(pin string, limit time.Duration) bool {
	select {
	case r.keys <- pin:
		return true
	case <-time.After(limit):
		return false
	}
}

// cancelKey stands for the pad's red key.
const cancelKey = "\x1b"

// CancelPINPad presses the pad's red key.
func (r *Reader) CancelPINPad(limit time.Duration) bool { return r.Type(cancelKey, limit) }

// timeoutKey stands for nobody at the pad until its time is up.
const timeoutKey = "\x00"

// TimeOutPINPad lets the pad's time run out.
func (r *Reader) TimeOutPINPad(limit time.Duration) bool { return r.Type(timeoutKey, limit) }

// changed tells the clients that wait. The service's lock is held.
func (s *Service) changed() {
	for c := range s.conns {
		c.wake(codeSuccess)
	}
}
