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
)

// startPause is the time between two questions to an agent that starts.
const startPause = 50 * time.Millisecond

// Call asks the running agent, and waits until ctx ends, also for one that is
// starting. The error is ErrNoAgent where none runs, ErrNoAnswer where it does
// not answer as it should, ErrStranger where the other side is another user's,
// and an *Error that the agent answered.
func Call(ctx context.Context, stateDir, method string, params, result any) error {
	var starting error
	for {
		err := call(ctx, stateDir, method, params, result)
		switch {
		case errors.Is(err, &Error{Code: CodeStarting}):
			starting = err
		case starting != nil && (ctx.Err() != nil || timedOut(err)):
			return starting // it answered before: it is not one that hangs
		default:
			return err
		}
		if !pause(ctx, startPause) {
			return starting
		}
	}
}

// timedOut: the connection's deadline is the context's, and may pass before the
// context's own timer has run.
func timedOut(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func call(ctx context.Context, stateDir, method string, params, result any) error {
	c, _, err := dial(ctx, stateDir)
	if err != nil {
		return err
	}
	defer c.Close()
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
	if err := json.Unmarshal(line, &a); err != nil {
		return answer{}, err
	}
	if a.Version != Version || a.Error == nil && a.ID != r.ID {
		return answer{}, errors.New("an answer to something else")
	}
	return a, nil
}
