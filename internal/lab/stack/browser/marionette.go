package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// marionette is a connection to Firefox: messages are "length:JSON", a command
// is [0, id, name, params], its answer [1, id, error, result].
type marionette struct {
	conn net.Conn
	in   *bufio.Reader
	last int
}

// MarionetteError is Firefox's answer to a command that failed.
type MarionetteError struct {
	Code    string `json:"error"`
	Message string `json:"message"`
}

func (e *MarionetteError) Error() string { return e.Code + ": " + e.Message }

func newMarionette(ctx context.Context, conn net.Conn) (*marionette, error) {
	m := &marionette{conn: conn, in: bufio.NewReader(conn)}
	stop := m.until(ctx)
	defer stop()
	if _, err := m.receive(); err != nil { // the greeting
		return nil, errors.Join(err, conn.Close())
	}
	// The caller's context limits a script; Firefox's own limit must be longer.
	capabilities := map[string]any{"acceptInsecureCerts": false, "timeouts": map[string]int{"script": 600_000, "pageLoad": 300_000}}
	if err := m.call(ctx, "WebDriver:NewSession", capabilities, nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return m, nil
}

// until ends reading and writing with the context.
func (m *marionette) until(ctx context.Context) (stop func()) {
	_ = m.conn.SetDeadline(time.Time{})
	after := context.AfterFunc(ctx, func() { _ = m.conn.SetDeadline(time.Unix(1, 0)) })
	return func() { after() }
}

func (m *marionette) call(ctx context.Context, command string, params, result any) error {
	stop := m.until(ctx)
	defer stop()
	if params == nil {
		params = struct{}{}
	}
	m.last++
	id := m.last
	text, err := json.Marshal([]any{0, id, command, params})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(m.conn, "%d:%s", len(text), text); err != nil {
		return because(ctx, command, err)
	}
	answer, err := m.receive()
	if err != nil {
		_ = m.conn.Close() // half an answer may have been read: the connection is unusable
		return because(ctx, command, err)
	}
	if err := read(answer, id, result); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	return nil
}

// read reads the answer to the command of that number.
func read(answer []byte, id int, result any) error {
	var parts []json.RawMessage
	var of int
	if err := json.Unmarshal(answer, &parts); err != nil {
		return err
	}
	if len(parts) != 4 {
		return fmt.Errorf("an answer with %d parts", len(parts))
	}
	if err := json.Unmarshal(parts[1], &of); err != nil || of != id {
		return fmt.Errorf("the answer to command %s, not %d: %w", parts[1], id, err)
	}
	if string(parts[2]) != "null" {
		failed := &MarionetteError{}
		return errors.Join(json.Unmarshal(parts[2], failed), failed)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(parts[3], result)
}

func because(ctx context.Context, command string, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("%s: %w", command, err)
}

func (m *marionette) receive() ([]byte, error) {
	head, err := m.in.ReadString(':')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(head[:len(head)-1])
	if err != nil || n < 0 || n > 64<<20 {
		return nil, fmt.Errorf("a message that begins with %.20q", head)
	}
	text := make([]byte, n)
	_, err = io.ReadFull(m.in, text)
	return text, err
}

// value wraps a result as most answers do.
func value(result any) any {
	if result == nil {
		return nil
	}
	return &struct {
		Value any `json:"value"`
	}{result}
}
