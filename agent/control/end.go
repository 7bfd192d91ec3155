package control

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// endPause is the time between two looks whether an agent has ended.
const endPause = 50 * time.Millisecond

// GoesOnError says that an agent did not end.
type GoesOnError struct {
	PID   int // 0: not known
	Cause error
}

func (e *GoesOnError) Error() string {
	return fmt.Sprintf("control: the agent (process %d) goes on: %v", e.PID, e.Cause)
}

func (e *GoesOnError) Unwrap() error { return e.Cause }

// EndAnswer is what an agent answers at such a call.
type EndAnswer struct {
	// With is a process that ends with the agent's, as its supervisor; 0: none.
	With int `json:"with,omitempty"`
}

// End calls a method at which the running agent ends, and returns once its process has
// ended, and the one that its [EndAnswer] names. The error is ErrNoAgent where none runs, and a *GoesOnError where one goes on: for
// its answer, or because ctx ended first.
//
// An agent that is ending already, or that has no control socket, is waited for too.
func End(ctx context.Context, stateDir, method string) error {
	var asked *endWatch // the agent's process, held from before the call: its number may be another's later
	defer func() { asked.close() }()
	for {
		var answer EndAnswer
		err := callAs(ctx, stateDir, method, nil, &answer, func(pid int) {
			asked.close()
			asked = watchProcess(pid)
		})
		if err == nil {
			with := watchProcess(answer.With) // before the agent's end, after which it ends
			defer with.close()
			if err := awaitEnd(ctx, stateDir, asked); err != nil || !with.known() {
				return err
			}
			return awaitEnd(ctx, stateDir, with)
		}
		var running *RunningError
		now := Running(stateDir)
		switch {
		case now == nil && asked == nil:
			return ErrNoAgent
		case now == nil: // it ended before it answered
			return awaitEnd(ctx, stateDir, asked)
		case !errors.As(now, &running):
			return now
		case !errors.Is(err, ErrNoAgent) && !errors.Is(err, ErrNoAnswer):
			return &GoesOnError{running.PID, err}
		}
		if !pause(ctx, endPause) {
			return &GoesOnError{running.PID, context.Cause(ctx)}
		}
	}
}

// awaitEnd returns once the process has ended, and where that cannot be watched, once no
// agent runs any more.
func awaitEnd(ctx context.Context, stateDir string, p *endWatch) error {
	for {
		switch {
		case p.known() && p.ended():
			return nil // another agent may run by now
		case !p.known() && Running(stateDir) == nil:
			return nil
		}
		if !pause(ctx, endPause) {
			return &GoesOnError{p.number(), context.Cause(ctx)}
		}
	}
}

// Running returns nil where no agent runs, and a *RunningError where one does. It does not
// ask the agent. An agent that starts in the same moment may find this one for another, and
// tries once more.
func Running(stateDir string) error {
	instance, err := find(stateDir)
	if err != nil {
		return err
	}
	return instance.running()
}

func (p *endWatch) number() int {
	if p == nil {
		return 0
	}
	return p.pid
}

// known reports whether the process's end can be watched.
func (p *endWatch) known() bool { return p != nil && p.open }
