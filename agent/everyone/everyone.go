// Package everyone ends the agents of all persons who are logged in on the machine, for
// whoever replaces or removes the program, and on Windows starts them in their sessions
// afterwards.
//
// Only an administrator may: root, or SYSTEM on Windows. An agent is first asked to end, as
// `cpx-agent quit` has it, and what has not ended then is ended by force. Processes of other
// programs, of a copy of this one in another folder, and of other containers are never
// touched. Functions may be called concurrently, but nobody gains by it.
package everyone

import (
	"context"
	"errors"
	"slices"
	"time"
)

// ErrNotAdministrator says that others' processes may not be ended by who runs this.
var ErrNotAdministrator = errors.New("everyone: only an administrator ends others' agents")

// ErrNotHere says that this system has no way to do so.
var ErrNotHere = errors.New("everyone: not on this system")

// Outcome is what became of the processes, by number.
type Outcome struct {
	Ended  []int // when they were asked
	Forced []int // by force
	GoOn   []int // in spite of that
}

// Patience is how long agents that were asked may take: a card may be signing.
const Patience = 20 * time.Second

// force is how long one may take to end that was ended by force.
const force = 5 * time.Second

// Quit ends every agent, and each process that belongs to one, and waits for their ends.
// None is what the caller wants, and no error. patience is how long they may take once they
// were asked.
func Quit(ctx context.Context, patience time.Duration) (Outcome, error) {
	all, err := processes()
	if err != nil || len(all) == 0 {
		return Outcome{}, err
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ask(asking, all)
	remaining := await(asking, all)
	o := Outcome{Ended: numbers(without(all, remaining))}
	if len(remaining) == 0 {
		return o, nil
	}
	// One that was about to be started anew when the others were listed is found now.
	if now, err := processes(); err == nil {
		remaining = append(remaining, without(now, remaining)...)
	}
	for _, p := range remaining {
		p.kill()
	}
	forcing, cancel := context.WithTimeout(ctx, force)
	defer cancel()
	goOn := await(forcing, remaining)
	o.Forced, o.GoOn = numbers(without(remaining, goOn)), numbers(goOn)
	return o, ctx.Err()
}

// await returns those that have not ended when ctx does.
func await(ctx context.Context, all []process) (remaining []process) {
	for _, p := range all {
		if !p.await(ctx) {
			remaining = append(remaining, p)
		}
	}
	return remaining
}

func numbers(all []process) (list []int) {
	for _, p := range all {
		list = append(list, p.pid)
	}
	return list
}

// without are those of all that are not among others.
func without(all, others []process) (list []process) {
	for _, p := range all {
		if !slices.ContainsFunc(others, func(o process) bool { return o.pid == p.pid }) {
			list = append(list, p)
		}
	}
	return list
}
