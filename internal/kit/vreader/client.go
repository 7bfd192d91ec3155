package vreader

import (
	"bytes"
	"encoding/binary"
	"net"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
)

// client is one connection, which is one context of a program.
type client struct {
	service *Service
	conn    net.Conn
	writes  sync.Mutex

	// Under the service's lock.
	context uint32
	awaits  bool // whether it waits for the next change
}

// handle is a program's connection to a card.
type handle struct {
	owner    *client
	reader   *Reader
	inserted uint32 // the insertion count of its card; 0 for the reader alone
	reset    bool   // whether another program has reset the card since
}

func (c *client) serve() {
	defer c.end()
	for {
		h, body, err := readHeader(c.conn)
		if err != nil {
			return
		}
		c.service.requests.Add(1)
		// A command's data follows the message, and the header does not count it.
		if err := c.answer(h.Command, body); err != nil {
			return
		}
	}
}

func (c *client) end() {
	s := c.service
	s.mu.Lock()
	delete(s.conns, c)
	for id, h := range s.handles {
		if h.owner == c {
			// The card of a program that ends within a transaction is reset.
			s.disconnect(id, h, h.reader.locked == h)
		}
	}
	s.mu.Unlock()
	_ = c.conn.Close()
}

func (c *client) write(parts ...any) error {
	c.writes.Lock()
	defer c.writes.Unlock()
	_, err := c.conn.Write(encode(parts...))
	return err
}

// wake answers a waiting client. The service's lock is held.
func (c *client) wake(code uint32) {
	if c.awaits {
		c.awaits = false
		_ = c.write(waitMessage{Code: code})
	}
}

// answer answers one message.
func (c *client) answer(command uint32, body []byte) error {
	s := c.service
	switch command {
	case cmdVersion:
		var m versionMessage
		if _, err := decode(body, &m); err != nil {
			return err
		}
		m.Major, m.Minor, m.Code = versionMajor, min(m.Minor, versionMinor), codeSuccess
		return c.write(m)
	case cmdReaders:
		return c.write(s.states())
	case cmdWait:
		s.mu.Lock() // a change that comes next wakes the client after it has read the table
		defer s.mu.Unlock()
		table := s.table()
		c.awaits = true
		return c.write(table)
	case cmdStopWait:
		s.mu.Lock()
		was := c.awaits
		c.awaits = false
		s.mu.Unlock()
		if !was {
			return nil // it was woken meanwhile, and takes that for the answer
		}
		return c.write(waitMessage{})
	case cmdReaderEvents:
		s.mu.Lock()
		m := readerEventsMessage{Events: s.events}
		s.mu.Unlock()
		return c.write(m)
	case cmdEstablish:
		return answerWith(c, body, func(m *contextMessage) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.last++
			c.context = uint32(s.last)
			m.Context, m.Code = c.context, codeSuccess
			if s.refuses {
				m.Code = codeSecurity
			}
		})
	case cmdRelease:
		return answerWith(c, body, func(m *releaseMessage) { m.Code = codeSuccess })
	case cmdCancel:
		return answerWith(c, body, func(m *releaseMessage) { m.Code = s.cancel(m.Context) })
	case cmdConnect:
		return answerWith(c, body, func(m *connectMessage) { s.connect(c, m) })
	case cmdReconnect:
		return answerWith(c, body, func(m *reconnectMessage) { s.reconnect(m) })
	case cmdDisconnect:
		return answerWith(c, body, func(m *handleMessage) {
			s.mu.Lock()
			defer s.mu.Unlock()
			h := s.handles[m.Handle]
			if m.Code = codeInvalidHandle; h != nil {
				s.disconnect(m.Handle, h, m.Disposition == dispositionReset || m.Disposition == dispositionUnpower)
				m.Code = codeSuccess
			}
		})
	case cmdBegin:
		return answerWith(c, body, func(m *plainMessage) { m.Code = s.begin(m.Handle) })
	case cmdEnd:
		return answerWith(c, body, func(m *handleMessage) { m.Code = s.endTransaction(m) })
	case cmdStatus:
		return answerWith(c, body, func(m *plainMessage) { _, m.Code = s.use(m.Handle) })
	case cmdGetAttribute, cmdSetAttribute:
		return answerWith(c, body, func(m *attributeMessage) { m.Code = codeUnsupported })
	case cmdTransmit:
		return c.transmit(body)
	case cmdControl:
		return c.control(body)
	}
	return errTooLong
}

func answerWith[M any](c *client, body []byte, do func(m *M)) error {
	var m M
	if _, err := decode(body, &m); err != nil {
		return err
	}
	do(&m)
	return c.write(m)
}

const (
	dispositionReset   = 1
	dispositionUnpower = 2

	shareExclusive = 1
	shareDirect    = 3
)

// states is the table of all readers.
func (s *Service) states() [maxReaders]readerState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table()
}

// table is states with the service's lock held.
func (s *Service) table() [maxReaders]readerState {
	var table [maxReaders]readerState
	for i, r := range s.readers {
		t := &table[i]
		copy(t.Name[:maxName], r.name)
		t.Count, t.State = r.count, stateAbsent
		if r.card != nil {
			t.State = statePresent | statePowered | stateNegotiable
			t.ATRSize = uint32(copy(t.ATR[:], r.card.ATR()))
			t.Protocol = protocol(r.card)
			if t.ATRSize == 0 { // pcsc-lite's word for a card that does not answer
				t.State, t.Protocol = statePresent|stateSwallowed, 0
			}
		}
		for _, h := range s.handles {
			if h.reader == r {
				t.Sharing++
			}
		}
		if r.exclusive != nil {
			t.Sharing = -1
		}
	}
	return table
}

// protocol is SCARD_PROTOCOL_T0 or _T1.
func protocol(c vcard.Card) uint32 { return 1 << c.Protocol() }

func (s *Service) cancel(context uint32) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.context == context && context != 0 {
			c.wake(codeCancelled)
			return codeSuccess
		}
	}
	return codeInvalidHandle
}

func (s *Service) connect(c *client, m *connectMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, _, _ := bytes.Cut(m.Reader[:], []byte{0})
	m.Code = codeUnknownReader
	for _, r := range s.readers {
		if r.name != string(name) {
			continue
		}
		h := &handle{owner: c, reader: r}
		if m.Code = s.occupy(h, m.Share, m.Preferred, &m.Active); m.Code == codeSuccess {
			s.last++
			m.Handle = s.last
			s.handles[m.Handle] = h
		}
		return
	}
}

// occupy connects the handle to the reader. The service's lock is held.
func (s *Service) occupy(h *handle, share, preferred uint32, active *uint32) uint32 {
	r := h.reader
	switch {
	case r.exclusive != nil && r.exclusive != h:
		return codeSharingViolation
	case r.card == nil && share != shareDirect:
		return codeNoCard
	case r.card != nil && len(r.card.ATR()) == 0 && share != shareDirect:
		return codeUnresponsive
	case r.card != nil && share != shareDirect && preferred&protocol(r.card) == 0:
		return codeProtoMismatch
	}
	if share == shareExclusive {
		for _, other := range s.handles {
			if other.reader == r && other != h {
				return codeSharingViolation
			}
		}
		r.exclusive = h
	} else if r.exclusive == h {
		r.exclusive = nil
	}
	h.inserted, h.reset, *active = 0, false, 0
	if r.card != nil {
		h.inserted, *active = r.inserted, protocol(r.card)
	}
	return codeSuccess
}

func (s *Service) reconnect(m *reconnectMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.handles[m.Handle]
	switch {
	case h == nil:
		m.Code = codeInvalidHandle
	case h.reader.unplugged:
		m.Code = codeReaderUnavailable
	case h.reader.locked != nil && h.reader.locked != h:
		m.Code = codeSharingViolation
	default:
		if m.Code = s.occupy(h, m.Share, m.Preferred, &m.Active); m.Code == codeSuccess && m.Initialise != 0 && h.reader.card != nil {
			s.resetCard(h)
		}
	}
}

// resetCard resets the card of the handle's reader, which every other program's
// next call then reports. The service's lock is held; a card that is at work ends
// its command first.
func (s *Service) resetCard(by *handle) {
	r := by.reader
	if r.card == nil {
		return
	}
	card := r.card
	s.mu.Unlock()
	r.working.Lock()
	card.Reset()
	r.working.Unlock()
	s.mu.Lock()
	for _, h := range s.handles {
		if h.reader == r && h != by {
			h.reset = true
		}
	}
	s.changed()
}

// disconnect ends a handle. The service's lock is held.
func (s *Service) disconnect(id int32, h *handle, reset bool) {
	delete(s.handles, id)
	r := h.reader
	if r.locked == h {
		r.locked = nil
	}
	if r.exclusive == h {
		r.exclusive = nil
	}
	if reset && h.inserted != 0 && h.inserted == r.inserted {
		s.resetCard(h)
	}
}

// use finds the handle for a call, and a code for what has happened to its card.
func (s *Service) use(id int32) (*handle, uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(id)
}

func (s *Service) find(id int32) (*handle, uint32) {
	h := s.handles[id]
	switch {
	case h == nil:
		return nil, codeInvalidHandle
	case h.reader.unplugged:
		return h, codeReaderUnavailable
	case h.inserted == 0:
		return h, codeSuccess // connected to the reader alone
	case h.reader.card == nil || h.reader.inserted != h.inserted:
		return h, codeRemoved
	case h.reset:
		return h, codeReset
	case h.reader.locked != nil && h.reader.locked != h:
		return h, codeSharingViolation
	}
	return h, codeSuccess
}

func (s *Service) begin(id int32) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, code := s.find(id)
	if code == codeSuccess {
		h.reader.locked = h
	}
	return code
}

func (s *Service) endTransaction(m *handleMessage) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, code := s.find(m.Handle)
	if h != nil && h.reader.locked == h {
		h.reader.locked = nil
	}
	if code == codeSuccess && m.Disposition == dispositionReset {
		s.resetCard(h)
	}
	return code
}

func (c *client) transmit(body []byte) error {
	var m transmitMessage
	if _, err := decode(body, &m); err != nil {
		return err
	}
	if m.Length > maxBody {
		return errTooLong
	}
	command := make([]byte, m.Length)
	if err := readAll(c.conn, command); err != nil {
		return err
	}
	h, code := c.service.use(m.Handle)
	var answer []byte
	if code == codeSuccess {
		answer, code = h.exchange(command)
	}
	m.Code = code
	if code != codeSuccess {
		return c.write(m)
	}
	m.Received, m.ReceiveProtocol = uint32(len(answer)), m.SendProtocol
	return c.write(m, answer)
}

func readAll(conn net.Conn, into []byte) error { return binary.Read(conn, binary.LittleEndian, into) }

// exchange lets the card answer, in its own time. The answer of a card that is
// removed meanwhile is lost.
func (h *handle) exchange(command []byte) ([]byte, uint32) {
	r := h.reader
	r.working.Lock()
	defer r.working.Unlock()
	s := r.service
	s.mu.Lock()
	card, inserted, delay, trace, gone := r.card, r.inserted, r.delay, r.trace, r.gone
	s.mu.Unlock()
	if card == nil || inserted != h.inserted {
		return nil, codeRemoved
	}
	if delay != nil {
		if d := delay(command); d > 0 {
			select {
			case <-time.After(d):
			case <-gone:
				return nil, codeNotTransacted
			}
		}
	}
	r.apdus.Add(1)
	answer := card.Transmit(command)
	if trace != nil {
		trace(command, answer)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.card == nil || r.inserted != inserted {
		return nil, codeNotTransacted
	}
	return answer, codeSuccess
}
