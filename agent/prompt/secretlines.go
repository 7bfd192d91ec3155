package prompt

import (
	"bytes"
	"fmt"
	"io"
)

// secretLines reads lines that may hold a PIN, of which nothing stays in its buffer: a
// line is overwritten when the next one is read, and what is moved in the buffer is
// overwritten where it stood, which bufio's does not.
type secretLines struct {
	r        io.Reader
	buf      [maxLine + 64]byte
	from, to int // of what was read and is in no line yet
	line     int // where the last line began
}

// buffered is how many bytes have come that no line has had yet.
func (s *secretLines) buffered() int { return s.to - s.from }

// next is the next line, with its end, until the call after it.
func (s *secretLines) next() ([]byte, error) {
	clear(s.buf[s.line:s.from])
	s.line = s.from
	for searched := s.from; ; {
		if i := bytes.IndexByte(s.buf[searched:s.to], '\n'); i >= 0 {
			s.from = searched + i + 1
			return s.buf[s.line:s.from], nil
		}
		s.move()
		searched = s.to
		if s.to == len(s.buf) {
			s.wipe()
			return nil, fmt.Errorf("%w: a line of more than %d bytes", errProtocol, len(s.buf))
		}
		n, err := s.r.Read(s.buf[s.to:])
		s.to += n
		if n == 0 && err != nil {
			s.wipe()
			return nil, err
		}
	}
}

// exactly is the next bytes, which are overwritten where they stood, in memory of the
// caller's.
func (s *secretLines) exactly(count int) ([]byte, error) {
	clear(s.buf[s.line:s.from])
	data := make([]byte, count)
	n := copy(data, s.buf[s.from:s.to])
	clear(s.buf[s.from : s.from+n])
	s.from += n
	s.line = s.from
	if _, err := io.ReadFull(s.r, data[n:]); err != nil {
		clear(data)
		return nil, err
	}
	return data, nil
}

// move moves the beginning of a line to the beginning of the buffer.
func (s *secretLines) move() {
	n := copy(s.buf[:], s.buf[s.from:s.to])
	clear(s.buf[n:s.to])
	s.line, s.from, s.to = 0, 0, n
}

func (s *secretLines) wipe() {
	clear(s.buf[:])
	s.line, s.from, s.to = 0, 0, 0
}
