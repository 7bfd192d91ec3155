package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
	"github.com/cpx-bridge/cpx-bridge/internal/strictjson"
)

// played is a connection on which the other side has sent all that it sends.
type played struct {
	net.Conn // nil
	in       *bytes.Reader
	out      bytes.Buffer
}

func (c *played) Read(p []byte) (int, error)     { return c.in.Read(p) }
func (c *played) Write(p []byte) (int, error)    { return c.out.Write(p) }
func (*played) Close() error                     { return nil }
func (*played) SetDeadline(time.Time) error      { return nil }
func (*played) SetReadDeadline(time.Time) error  { return nil }
func (*played) SetWriteDeadline(time.Time) error { return nil }

// FuzzServe: whatever a program sends down the socket, a method runs only where a reader
// of exact names sees it asked for; each line gets one answer in one line, in order, and
// none after a line that cannot be read.
func FuzzServe(f *testing.F) {
	f.Fuzz(func(t *testing.T, stream []byte) {
		var ran []string
		s := &Server{log: slog.New(slog.DiscardHandler)}
		method := func(name string) Method {
			return func(_ context.Context, params json.RawMessage) (any, error) {
				ran = append(ran, name)
				if name == "fail" {
					return nil, errors.New(string(params))
				}
				return params, nil
			}
		}
		s.Ready(map[string]Method{"echo": method("echo"), "fail": method("fail")})
		c := &played{in: bytes.NewReader(stream)}
		if spent := fuzzing.Spent(func() { s.converse(t.Context(), &serverConn{Conn: c}) }); spent > fuzzing.Air+600*uint64(len(stream)) {
			t.Errorf("%d bytes for a stream of %d", spent, len(stream))
		}
		var wanted []string
		for rest := stream; ; {
			line, after, found := bytes.Cut(rest, []byte("\n"))
			tooLong := len(line) >= maxRequest
			if !found && !tooLong {
				break
			}
			rest = after
			a := nextAnswer(t, &c.out)
			members, err := strictjson.Object(line)
			if tooLong || err != nil {
				if a.Error == nil || a.Error.Code != CodeTooLong && a.Error.Code != CodeParse {
					t.Fatalf("%q is answered %+v", line, a)
				}
				break
			}
			var version int
			var name string
			_, _ = json.Unmarshal(members["v"], &version), json.Unmarshal(members["method"], &name)
			if version == Version && (name == "echo" || name == "fail") && (a.Error == nil || a.Error.Code == CodeFailed) {
				wanted = append(wanted, name)
				continue
			}
			if a.Error == nil {
				t.Fatalf("%q is answered %+v", line, a)
			}
			if a.Error.Code == CodeParse {
				break
			}
		}
		if c.out.Len() > 0 || len(ran) != len(wanted) {
			t.Errorf("%q ran of %q, want %q; then %q", ran, stream, wanted, &c.out)
		}
	})
}

func nextAnswer(t *testing.T, out *bytes.Buffer) (a answer) {
	line, err := out.ReadBytes('\n')
	if err != nil || len(line) > maxAnswer {
		t.Fatalf("%q, %v", line, err)
	}
	if err := strictjson.Into(line, &a); err != nil || a.Version != Version || (a.Error == nil) == (a.Result == nil) {
		t.Fatalf("%q, %v", line, err)
	}
	return a
}

// FuzzAnswer: whatever answers a command in the agent's place, it is an answer to what
// was asked, in this version, or an error; and a long one costs no more than the bound.
func FuzzAnswer(f *testing.F) {
	f.Fuzz(func(t *testing.T, stream []byte) {
		c := &played{in: bytes.NewReader(stream)}
		var a answer
		var err error
		if spent := fuzzing.Spent(func() { a, err = exchange(c, request{Version: Version, ID: 1, Method: "state"}) }); spent > fuzzing.Air+600*uint64(len(stream)) {
			t.Errorf("%d bytes for a stream of %d", spent, len(stream))
		}
		if err != nil {
			return
		}
		line, _, found := bytes.Cut(stream, []byte("\n"))
		members, strictErr := strictjson.Object(line)
		var version, id int64
		_, _ = json.Unmarshal(members["v"], &version), json.Unmarshal(members["id"], &id)
		if !found || strictErr != nil || version != Version || a.Error == nil && id != 1 || len(line) >= maxAnswer {
			t.Errorf("taken: %q as %+v", stream, a)
		}
	})
}
