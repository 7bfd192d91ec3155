package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// endPause is the time between two looks whether an agent has ended.
const endPause = 50 * time.Millisecond

// GoesOnError says that an agent did not end, or a supervisor that may start the next one.
type GoesOnError struct {
	PID        int // 0: not known
	Supervisor bool
	Cause      error
}

func (e *GoesOnError) Error() string {
	if e.Supervisor {
		return fmt.Sprintf("control: the supervisor (process %d) goes on: %v", e.PID, e.Cause)
	}
	return fmt.Sprintf("control: the agent (process %d) goes on: %v", e.PID, e.Cause)
}

func (e *GoesOnError) Unwrap() error { return e.Cause }

// EndAnswer is what an agent answers at such a call.
type EndAnswer struct {
	// With is a process that ends with the agent's, as its supervisor; 0: none.
	With int `json:"with,omitempty"`
}

// End calls a method at which the running agent ends, and returns once its process has
// ended, the one that its [EndAnswer] names, and each [Supervisor] that could start the next
// agent. The error is ErrNoAgent where there is none of these, and a *GoesOnError where one
// goes on: for its answer, or because ctx ended first.
//
// An agent that is ending already, or that has no control socket, is waited for too.
func End(ctx context.Context, stateDir, method string) error {
	// Before the agent: its supervisor could start the next one meanwhile.
	supervisors, markErr := askSupervisors(stateDir, 0)
	defer func() {
		for _, s := range supervisors {
			s.watch.close()
		}
	}()
	ended := len(supervisors) > 0
	for {
		// Each time: an agent that was just started is one only after a moment.
		err := endOnce(ctx, stateDir, method)
		if err != nil && !errors.Is(err, ErrNoAgent) {
			return err
		}
		ended = ended || err == nil
		i := slices.IndexFunc(supervisors, (*asked).goesOn)
		switch {
		case i < 0 && ended:
			return nil
		case i < 0:
			return ErrNoAgent
		case !pause(ctx, endPause):
			return &GoesOnError{PID: supervisors[i].pid, Supervisor: true, Cause: errors.Join(markErr, context.Cause(ctx))}
		}
	}
}

// endOnce is End without the supervisors that have no agent.
func endOnce(ctx context.Context, stateDir, method string) error {
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
			return &GoesOnError{PID: running.PID, Cause: err}
		}
		if !pause(ctx, endPause) {
			return &GoesOnError{PID: running.PID, Cause: context.Cause(ctx)}
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
			return &GoesOnError{PID: p.number(), Cause: context.Cause(ctx)}
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
