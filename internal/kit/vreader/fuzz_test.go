package vreader

import (
	"bytes"
	"encoding/binary"
	"net"
	"path/filepath"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
)

// sent is a connection on which a program has sent all that it sends.
type sent struct {
	net.Conn // nil
	in       *bytes.Reader
	out      bytes.Buffer
}

func (c *sent) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c *sent) Write(p []byte) (int, error) { return c.out.Write(p) }
func (*sent) Close() error                  { return nil }

// counted is a card that counts what it is asked.
type counted struct {
	vcard.Card
	commands int
}

func (c *counted) Transmit(command []byte) []byte {
	c.commands++
	return c.Card.Transmit(command)
}

// FuzzMessages: whatever a program sends to the readers' socket, a card gets commands on a
// connection to it alone, nothing of the connection outlives it, and memory follows what
// was sent.
func FuzzMessages(f *testing.F) {
	s, err := Listen(filepath.Join(fuzzing.Folder(f), "socket"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	reader, err := s.Plug("TEST 00", ReaderOptions{})
	if err != nil {
		f.Fatal(err)
	}
	card := &counted{Card: vcard.NewBadge()}
	reader.Insert(card)
	f.Fuzz(func(t *testing.T, stream []byte) {
		card.commands = 0
		conn := &sent{in: bytes.NewReader(stream)}
		c := &client{service: s, conn: conn}
		s.mu.Lock()
		s.conns[c] = true
		s.mu.Unlock()
		if spent := fuzzing.Spent(c.serve); spent > fuzzing.Air+2000*uint64(len(stream)) {
			t.Errorf("%d bytes for a stream of %d", spent, len(stream))
		}
		if max := 8 + 4096*(len(stream)/8+1); conn.out.Len() > max {
			t.Errorf("%d bytes are answered to %d", conn.out.Len(), len(stream))
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.handles) > 0 || s.conns[c] || reader.locked != nil || reader.exclusive != nil || len(s.readers) != 1 {
			t.Errorf("%d handles, locked %v, exclusive %v", len(s.handles), reader.locked, reader.exclusive)
		}
		if connect := binary.LittleEndian.AppendUint32(nil, cmdConnect); card.commands > 0 && !bytes.Contains(stream, connect) {
			t.Errorf("%d commands reach a card that nobody connected to: %x", card.commands, stream)
		}
	})
}
