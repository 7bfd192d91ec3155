package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/remote"
)

const (
	// firstLimit is how long a second start waits for the first one's answer.
	firstLimit = 8 * time.Second
	// endLimit is how long it waits for one that makes place: a module may be
	// at work.
	endLimit   = 30 * time.Second
	firstPause = 50 * time.Millisecond
)

// hold makes this process the agent. Where another one is, that one shows its
// state on the desktop, and it is returned; an agent that is just ending is
// waited for, and this process takes its place.
//
// An agent that can ask nobody, because its desktop session has ended, makes
// place for one that stands on a desktop.
func hold(ctx context.Context, p settings, state, lang string) (*control.Held, agent.Report, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := time.AfterFunc(firstLimit, func() { cancel(context.DeadlineExceeded) })
	defer patience.Stop()
	desktop := sync.OnceValue(func() bool { return p.program.DisplayAnswers(ctx) })
	for {
		held, err := control.Take(state)
		var running *control.RunningError
		if !errors.As(err, &running) {
			return held, agent.Report{}, err
		}
		first, showErr := remote.Show(ctx, state, lang, desktop())
		if showErr == nil {
			return nil, first, nil
		}
		if errors.Is(showErr, &control.Error{Code: control.CodeEnding}) {
			patience.Reset(endLimit)
		}
		select {
		case <-ctx.Done():
			return nil, first, errors.Join(running, showErr)
		case <-time.After(firstPause):
		}
	}
}

// second ends a start that found another agent.
func second(p settings, first agent.Report, err error, stdout, stderr io.Writer) int {
	lang := language(p, stderr)
	var running *control.RunningError
	switch {
	case err == nil:
		fmt.Fprint(stdout, first.Text(lang))
		return exitGood
	case !errors.As(err, &running):
		fmt.Fprintln(stderr, "cpx-agent:", err)
		return exitProblem
	case errors.Is(err, &control.Error{Code: control.CodeStarting}):
		fmt.Fprintf(stdout, texts[lang].starting+"\n", running.PID)
		return exitGood
	}
	logger(p, stderr).Error("second start", "error", err)
	fmt.Fprintf(stderr, texts[lang].hangs+"\n", running.PID)
	return exitProblem
}
