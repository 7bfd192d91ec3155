package prompt

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
)

// pieces is a stream that comes in pieces of these lengths, over and over. It notes the
// memory that it was read into.
type pieces struct {
	stream, lengths []byte
	reads           int
	memory          [][]byte
}

func (p *pieces) Read(into []byte) (int, error) {
	if len(p.stream) == 0 {
		return 0, io.EOF
	}
	n := len(into)
	if len(p.lengths) > 0 {
		n = min(n, 1+int(p.lengths[p.reads%len(p.lengths)]))
	}
	p.reads++
	n = copy(into[:n], p.stream)
	p.stream = p.stream[n:]
	p.memory = append(p.memory, into)
	return n, nil
}

// traces are what of a secret is in the memory, in pieces of four.
func (p *pieces) traces(secret []byte) (found []string) {
	for i := 0; i+4 <= len(secret); i++ {
		for _, m := range p.memory {
			if part := secret[i : i+4]; bytes.Contains(m, part) && !bytes.Equal(part, make([]byte, 4)) {
				found = append(found, string(part))
			}
		}
	}
	return found
}

// FuzzAssuan: whatever a pinentry program answers, in whatever pieces, the data is what
// another reader of the same lines sees, an error is one of a few kinds, in one line, and
// nothing of what may be a PIN stays in the memory that it was read into.
func FuzzAssuan(f *testing.F) {
	f.Fuzz(func(t *testing.T, stream, lengths []byte) {
		p := &pieces{stream: bytes.Clone(stream), lengths: lengths}
		a := newAssuan(io.Discard, p)
		var data []byte
		var err error
		if spent := fuzzing.Spent(func() { data, err = a.answer() }); spent > fuzzing.Air+100*uint64(len(stream)) {
			t.Errorf("%d bytes for a stream of %d", spent, len(stream))
		}
		want, kind, other := readOtherwise(stream)
		if !bytes.Equal(data, want) || len(data) > maxData+maxLine+64 {
			t.Errorf("%q, want %q, of %q", data, want, stream)
		}
		var refused *assuanError
		switch {
		case kind == "OK" && err == nil:
		case kind == "ERR" && errors.As(err, &refused) && (errors.Is(answerError(err), ErrCancelled) || errors.Is(answerError(err), ErrTimeout) || errors.Is(answerError(err), ErrUnavailable)):
		case kind == "protocol" && errors.Is(err, errProtocol):
		case kind == "end" && errors.Is(err, io.EOF):
		default:
			t.Errorf("%v, want %s, of %q", err, kind, stream)
		}
		if err != nil && (len(err.Error()) > 4*maxLine || strings.ContainsAny(err.Error(), "\x00\r\n\x1b") || !utf8.ValidString(err.Error())) {
			t.Errorf("%q", err)
		}
		if a.r.buffered() > 0 {
			if _, err := a.command("GETPIN"); !errors.Is(err, errProtocol) {
				t.Errorf("an early answer is taken: %v", err)
			}
		}
		a.r.wipe()
		if remains := p.traces(other); len(remains) > 0 {
			t.Errorf("%q stays of %q", remains, stream)
		}
	})
}

// readOtherwise is what a reader of whole lines makes of an answer, how it ends, and what
// stands in its lines of data.
func readOtherwise(stream []byte) (data []byte, kind string, secret []byte) {
	for rest := stream; ; {
		line, after, found := bytes.Cut(rest, []byte("\n"))
		if len(line) >= maxLine+64 {
			return data, "protocol", secret
		}
		if !found {
			return data, "end", secret
		}
		rest = after
		word, text, _ := strings.Cut(strings.TrimRight(string(line), "\r"), " ")
		switch {
		case word == "OK":
			return data, "OK", secret
		case word == "D":
			secret = append(secret, text...)
			for i := 0; i < len(text); i++ {
				if v, err := strconv.ParseUint(text[i+1:min(i+3, len(text))], 16, 8); text[i] == '%' && i+2 < len(text) && err == nil {
					data, i = append(data, byte(v)), i+2
				} else {
					data = append(data, text[i])
				}
			}
			if len(data) > maxData {
				return data, "protocol", secret
			}
		case word == "ERR":
			number, _, _ := strings.Cut(text, " ")
			if _, err := strconv.Atoi(number); err != nil {
				return data, "protocol", secret
			}
			return data, "ERR", secret
		case word == "S", word == "", strings.HasPrefix(word, "#"):
		default:
			return data, "protocol", secret
		}
	}
}

// TestNothingOfThePINStays: in whatever pieces an answer comes, the memory that it was
// read into holds no part of the PIN afterwards.
func TestNothingOfThePINStays(t *testing.T) {
	const stream = "S PASSWORD of a status line that is longer than the PIN\nD 1357%2C9246\nOK\n"
	for n := range len(stream) {
		for m := range 8 {
			p := &pieces{stream: []byte(stream), lengths: []byte{byte(n), byte(m)}}
			a := newAssuan(io.Discard, p)
			data, err := a.answer()
			if err != nil || string(data) != "1357,9246" {
				t.Fatalf("%q, %v", data, err)
			}
			if remains := p.traces([]byte("1357%2C9246")); len(remains) > 0 {
				t.Errorf("in pieces of %d and %d: %q stays", n+1, m+1, remains)
			}
		}
	}
}
