package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/strictjson"
)

// startPause is the time between two calls to an agent that is starting.
const startPause = 50 * time.Millisecond

// Call calls a method of the running agent, waiting at most until ctx ends, also
// for one that is starting. The error is ErrNoAgent where none runs, ErrNoAnswer
// where it answers badly or not in time, ErrOtherUser where the other side belongs
// to another user, and the agent's own *Error.
func Call(ctx context.Context, stateDir, method string, params, result any) error {
	return callAs(ctx, stateDir, method, params, result, func(int) {})
}

// callAs is Call that names the agent's process before it is asked, each time anew.
func callAs(ctx context.Context, stateDir, method string, params, result any, asks func(pid int)) error {
	var starting error
	for {
		err := call(ctx, func(ctx context.Context) (net.Conn, int, error) { return dial(ctx, stateDir) }, method, params, result, asks)
		switch {
		case errors.Is(err, &Error{Code: CodeStarting}):
			starting = err
		case starting != nil && (ctx.Err() != nil || timedOut(err)):
			return starting // it has answered before, so it does not hang
		default:
			return err
		}
		if !pause(ctx, startPause) {
			return starting
		}
	}
}

// timedOut recognises the connection's deadline: it is the context's, and may
// pass before the context's own timer fires.
func timedOut(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func call(ctx context.Context, dial func(context.Context) (net.Conn, int, error), method string, params, result any, asks func(pid int)) error {
	c, pid, err := dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	asks(pid)
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	r := request{Version: Version, ID: 1, Method: method}
	if params != nil {
		if r.Params, err = json.Marshal(params); err != nil {
			return err
		}
	}
	a, err := exchange(c, r)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	case a.Error != nil:
		return a.Error
	case result == nil:
		return nil
	}
	if err := json.Unmarshal(a.Result, result); err != nil {
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	return nil
}

func exchange(c net.Conn, r request) (answer, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return answer{}, err
	}
	if _, err := c.Write(append(text, '\n')); err != nil {
		return answer{}, err
	}
	line, err := bufio.NewReader(io.LimitReader(c, maxAnswer)).ReadBytes('\n')
	if err != nil {
		return answer{}, err
	}
	var a answer
	if err := strictjson.Into(line, &a); err != nil {
		return answer{}, err
	}
	if a.Version != Version || a.Error == nil && a.ID != r.ID {
		return answer{}, errors.New("an answer to something else")
	}
	return a, nil
}
