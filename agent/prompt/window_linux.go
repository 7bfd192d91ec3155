package prompt

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// window starts windows of our own, each in a process of its own.
type window struct {
	command  []string
	standing *standing // nil: nobody brings them to the front
}

// show shows one window until the person has answered or ctx ends. It returns
// ErrCancelled where the person refused or closed it, ErrNever where they said so.
func (w window) show(ctx context.Context, r dialog.Request) (row int, err error) {
	t := w.open(ctx)
	defer t.close()
	r.Then = nil
	return t.show(ctx, r)
}

// pin shows one window with an entry.
func (w window) pin(ctx context.Context, r dialog.Request, _ int) ([]byte, error) {
	t := w.open(ctx)
	defer t.close()
	r.Then = nil
	return t.pin(ctx, r, 0)
}

func (w window) open(ctx context.Context) *talk {
	return &talk{window: w, ctx: ctx, cancel: func(error) {}}
}

// talk is one window, which opens with the first question and stands until it is closed:
// between two questions it says what happens, and can be cancelled. Where its process
// dies, the next question opens another one.
type talk struct {
	window window
	ctx    context.Context // with which the window ends
	cancel context.CancelCauseFunc

	asking  sync.Mutex
	process *windowProcess // nil: none was started, or it was closed
}

// errDied says that a window's process ended before its question was answered.
var errDied = errors.New("its process ended")

func (t *talk) show(ctx context.Context, r dialog.Request) (row int, err error) {
	answer, pin, err := t.ask(ctx, r)
	clear(pin)
	return answer.Row, err
}

// pin returns what was typed, which no JSON text nor string ever held.
func (t *talk) pin(ctx context.Context, r dialog.Request, _ int) ([]byte, error) {
	_, pin, err := t.ask(ctx, r)
	return pin, err
}

// close ends the window. The next question opens another one.
func (t *talk) close() {
	t.asking.Lock()
	defer t.asking.Unlock()
	t.end()
}

// stands reports whether a window does: one whose process waits for its first question
// shows nothing yet.
func (t *talk) stands() bool {
	t.asking.Lock()
	defer t.asking.Unlock()
	return t.process != nil && t.process.lives() && t.process.asked()
}

// prepare starts the process beside a caller who will ask soon: its start takes longer than
// all that comes before the first question where the card was read. Where it does not start,
// the question says so.
func (t *talk) prepare() {
	go func() {
		t.asking.Lock()
		defer t.asking.Unlock()
		if t.ctx.Err() == nil {
			_ = t.opened()
		}
	}()
}

func (t *talk) end() {
	if t.process != nil {
		t.window.standing.remove(t.process)
		t.process.end()
		t.process = nil
	}
}

func (t *talk) ask(ctx context.Context, r dialog.Request) (answer dialog.Answer, pin []byte, err error) {
	t.asking.Lock()
	defer t.asking.Unlock()
	if ctx.Err() != nil {
		return answer, nil, ended(ctx)
	}
	got, err := t.answerOf(ctx, r)
	answer, pin = got.Answer, got.pin
	switch {
	case err == nil && answer.Answer == dialog.Cancel && t.ctx.Err() == nil: // also where ctx ended meanwhile
		clear(pin)
		t.end() // whatever the login has to end first
		return dialog.Answer{}, nil, ErrCancelled
	case ctx.Err() != nil:
		clear(pin)
		if r.Entry == nil { // an entry stands as it is: what is said beside it may be renewed, and what was typed remains
			t.await(r)
		}
		return dialog.Answer{}, nil, ended(ctx)
	case err != nil:
		clear(pin)
		t.end()
		return dialog.Answer{}, nil, fmt.Errorf("%w: our own window: %w", ErrUnavailable, err)
	case answer.Answer == dialog.Never:
		t.end()
		return dialog.Answer{}, nil, ErrNever
	}
	t.await(r)
	return answer, pin, nil
}

// await has the window stand until the next question, or ends it where none follows.
func (t *talk) await(r dialog.Request) {
	if r.Then == nil || t.process == nil || t.process.put(t.ctx, *r.Then) != nil {
		t.end()
	}
}

func (t *talk) answerOf(ctx context.Context, r dialog.Request) (got answered, err error) {
	if err := t.opened(); err != nil {
		return got, err
	}
	if err := t.process.put(t.ctx, r); err != nil {
		return got, err
	}
	select {
	case got = <-t.process.answers:
		return got, nil
	case <-t.process.dead:
		select {
		case got = <-t.process.answers: // the last that it said counts
			return got, nil
		default:
			return got, t.process.why()
		}
	case <-ctx.Done():
		t.process.withdraw()
		return got, ctx.Err()
	}
}

// opened starts the process where there is none that lives.
func (t *talk) opened() error {
	if t.process != nil && t.process.lives() {
		return nil
	}
	t.end()
	if len(t.window.command) == 0 || !hasDisplay() {
		return errors.New("there is none here")
	}
	process, err := startWindow(t.ctx, t.window.command, func() {
		t.cancel(ErrCancelled)
		go t.close() // whatever the login has to end first
	})
	if err != nil {
		return err
	}
	t.process = process
	t.window.standing.add(process)
	return nil
}
