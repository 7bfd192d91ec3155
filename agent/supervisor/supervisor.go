// Package supervisor starts the agent as a process of its own and starts it anew after
// a crash, five times within ten minutes at most: a person between two patients looks
// for no program in a menu. An agent that ended on purpose is not started anew: the
// person quit, the desktop session ended, another agent runs, or it refused to start
// and has said why.
//
// A [Run] is for one caller. The supervisor never holds what makes an agent the only
// one, shows nothing, reads no settings and sees no card. Where it is killed itself, its
// agent goes on: a login is worth more than a supervisor.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// Most is how often the agent is started anew within the time of Within.
const (
	Most   = 5
	Within = 10 * time.Minute
)

// pauses come before the first start anew within Within, the second, and so on: they grow,
// so that a cause that passes, such as memory that was short, has passed before the last.
var pauses = [Most]time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute}

// A desktop that is slow to answer is asked repeatedly: memory may just have been short.
const (
	desktopPause = 5 * time.Second
	desktopAsked = 24
)

var (
	// ErrTooOften says that the agent crashed once more than it is started anew. Errors
	// wrap it with the last crash.
	ErrTooOften = errors.New("supervisor: the agent crashed too often")
	// ErrDesktopEnded says that the agent crashed, and that there is no desktop any
	// more on which the next one could ask.
	ErrDesktopEnded = errors.New("supervisor: the desktop session has ended")
)

// Options of Run. Agent is required.
type Options struct {
	// Agent is the command of an agent in the role SupervisedAgent, not yet started;
	// anew says that one before it crashed.
	Agent func(ctx context.Context, anew bool) (*exec.Cmd, error)
	// Desktop reports whether the desktop still answers; nil: there is none, and none
	// is needed.
	Desktop func(ctx context.Context) bool
	// Quit reports whether the person wants no agent any more, which an agent that crashed
	// cannot hear; nil: nobody says so. It is asked from another goroutine too.
	Quit func() bool
	// Done reports whether the agent has said that it ends on purpose: one that is killed then has
	// not crashed. It is not asked to end, as at Quit, because a window of its may stand; nil: no
	// agent says so.
	Done func() bool
	// Crashed is called at each crash; nil: by nobody.
	Crashed func(Crash)

	Now   func() time.Time                                // nil: time.Now
	Pause func(ctx context.Context, d time.Duration) bool // false: ctx ended; nil: the time passes
}

// Crash is an end that the agent did not mean.
type Crash struct {
	How     error         // an *exec.ExitError, or why it could not be started
	Restart bool          // it is started anew, after Pause
	Pause   time.Duration // 0 without Restart
}

// Run starts the agent and returns once it has ended for good: its exit status where it
// meant to end, an error where it did not. When ctx ends, or Quit says so, the agent is asked
// to end, and waited for.
func Run(ctx context.Context, o Options) (status int, err error) {
	o = o.withDefaults()
	ctx, ended := o.untilQuit(ctx)
	defer ended()
	var restarts []time.Time
	for {
		status, crash := o.once(ctx, len(restarts) > 0)
		if crash == nil || ctx.Err() != nil || o.Quit() || o.Done() {
			return status, nil
		}
		restarts = since(restarts, o.Now().Add(-Within))
		if len(restarts) >= Most {
			o.Crashed(Crash{How: crash})
			return 0, fmt.Errorf("%w: %w", ErrTooOften, crash)
		}
		pause := pauses[len(restarts)]
		o.Crashed(Crash{How: crash, Restart: true, Pause: pause})
		if !o.Pause(ctx, pause) {
			return 0, nil
		}
		desktop := o.desktop(ctx)
		if ctx.Err() != nil || o.Quit() { // since it was last asked
			return 0, nil
		}
		if !desktop {
			return 0, fmt.Errorf("%w: %w", ErrDesktopEnded, crash)
		}
		restarts = append(restarts, o.Now())
	}
}

func (o Options) withDefaults() Options {
	if o.Quit == nil {
		o.Quit = func() bool { return false }
	}
	if o.Done == nil {
		o.Done = func() bool { return false }
	}
	if o.Crashed == nil {
		o.Crashed = func(Crash) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Pause == nil {
		o.Pause = pause
	}
	return o
}

// quitPause is the time between two questions whether the person quit.
const quitPause = time.Second

// untilQuit is a context that ends also where the person quit. ended returns once nobody is
// asked any more.
func (o Options) untilQuit(ctx context.Context) (until context.Context, ended func()) {
	ctx, cancel := context.WithCancel(ctx)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for pause(ctx, quitPause) {
			if o.Quit() {
				cancel()
			}
		}
	}()
	return ctx, func() { cancel(); <-asked }
}

// once is the life of one agent. crash is nil where it meant to end.
func (o Options) once(ctx context.Context, anew bool) (status int, crash error) {
	cmd, err := o.Agent(ctx, anew)
	if err != nil {
		return 0, err
	}
	cmd.Cancel = func() error { return endAgent(cmd.Process) }
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	err = cmd.Wait()
	if status, meant := role.Meant(cmd.ProcessState.ExitCode()); meant {
		return status, nil
	}
	if err == nil { // a library called exit
		err = errors.New("exit status 0")
	}
	return 0, err
}

// desktop reports whether there is a desktop to start an agent on.
func (o Options) desktop(ctx context.Context) bool {
	if o.Desktop == nil {
		return true
	}
	for range desktopAsked {
		if o.Desktop(ctx) {
			return true
		}
		if !o.Pause(ctx, desktopPause) {
			return false
		}
	}
	return false
}

// since drops the times before first.
func since(times []time.Time, first time.Time) []time.Time {
	for len(times) > 0 && times[0].Before(first) {
		times = times[1:]
	}
	return times
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
