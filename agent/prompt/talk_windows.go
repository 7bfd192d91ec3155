package prompt

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
)

// natives makes dialogs of the system's own controls, each question in a window of its own.
type natives struct{ log *slog.Logger }

func (d natives) show(ctx context.Context, r dialog.Request) (int, error) {
	t := &nativeTalk{log: d.log, cancel: func(error) {}}
	defer t.close()
	r.Then = nil
	return t.show(ctx, r)
}

func (d natives) pin(ctx context.Context, r dialog.Request, most int) ([]byte, error) {
	t := &nativeTalk{log: d.log, cancel: func(error) {}}
	defer t.close()
	r.Then = nil
	return t.pin(ctx, r, most)
}

// nativeDialogs is the Prompter on Windows.
type nativeDialogs struct {
	platform
	log *slog.Logger
}

// Begin implements Conversing: all questions of a login stand in one window.
func (d nativeDialogs) Begin(ctx context.Context) (context.Context, Prompter, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	t := &nativeTalk{log: d.log, cancel: cancel}
	return ctx, platform{show: t.show, pin: t.pin, quiet: true}, func() {
		cancel(nil)
		t.close()
	}
}

// nativeTalk is one window, which opens with the first question and stands until it is
// closed: between two questions it says what happens, and can be cancelled.
type nativeTalk struct {
	log    *slog.Logger
	cancel context.CancelCauseFunc

	asking sync.Mutex
	window *native // nil: none was opened, or it was closed
}

func (t *nativeTalk) show(ctx context.Context, r dialog.Request) (int, error) {
	got, err := t.ask(ctx, r, 0)
	clear(got.pin)
	return got.row, err
}

func (t *nativeTalk) pin(ctx context.Context, r dialog.Request, most int) ([]byte, error) {
	if most <= 0 || most > longestPIN {
		most = longestPIN
	}
	got, err := t.ask(ctx, r, most)
	return got.pin, err
}

func (t *nativeTalk) ask(ctx context.Context, r dialog.Request, most int) (got reply, err error) {
	t.asking.Lock()
	defer t.asking.Unlock()
	if ctx.Err() != nil {
		return got, ended(ctx)
	}
	if err := t.opened(); err != nil {
		return got, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	q := &question{request: r, most: most, reply: make(chan reply, 1)}
	t.window.questions <- q
	post(t.window.window, wmNext)
	select {
	case got = <-q.reply:
	case <-t.window.dead:
		select {
		case got = <-q.reply: // as the window went with it
		default:
			got.answer = dialog.Cancel
		}
	case <-ctx.Done():
		post(t.window.window, wmWithdraw)
	}
	switch {
	case ctx.Err() != nil:
		clear(got.pin)
		return reply{}, ended(ctx)
	case got.answer == dialog.Never:
		return reply{}, ErrNever
	case got.answer != dialog.OK:
		return reply{}, ErrCancelled
	}
	return got, nil
}

// opened opens the window where there is none.
func (t *nativeTalk) opened() error {
	if t.window != nil {
		select {
		case <-t.window.dead:
		default:
			return nil
		}
	}
	var err error
	t.window, err = startNative(t.log, func() { t.cancel(ErrCancelled) })
	if err != nil {
		t.window = nil
	}
	return err
}

// close takes the window away before it returns.
func (t *nativeTalk) close() {
	t.asking.Lock()
	defer t.asking.Unlock()
	if t.window == nil {
		return
	}
	select {
	case <-t.window.dead:
	default:
		post(t.window.window, wmEnd)
		<-t.window.dead
	}
	t.window = nil
}
