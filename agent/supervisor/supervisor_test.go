package supervisor

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/role"
)

// TestMain is an agent too, whose ends the tests choose.
func TestMain(m *testing.M) {
	if role.SupervisedAgent.Is() {
		agent(os.Args[2:])
	}
	os.Exit(m.Run())
}

// agent ends as it is told, where it is not told to wait.
func agent(args []string) {
	switch args[0] {
	case "exit":
		status, _ := strconv.Atoi(args[1])
		os.Exit(status)
	case "panic":
		panic("TEST")
	}
	os.Exit(untilAsked())
}

// clock is a time that passes only while Run pauses.
type clock struct {
	now    time.Time
	pauses []time.Duration
}

func (c *clock) pause(ctx context.Context, d time.Duration) bool {
	c.pauses = append(c.pauses, d)
	c.now = c.now.Add(d)
	return ctx.Err() == nil
}

// options are those of agents that end so, and count how many were started.
func (c *clock) options(started *int, args ...string) Options {
	return Options{
		Agent: func(ctx context.Context, anew bool) (*exec.Cmd, error) {
			if anew != (*started > 0) {
				return nil, errors.New("whether one crashed before is not known")
			}
			*started++
			return role.SupervisedAgent.Command(ctx, args...)
		},
		Now: func() time.Time { return c.now }, Pause: c.pause,
	}
}

// TestCrashes: an agent that crashes is started anew five times within ten minutes, after
// growing pauses, and no sixth time; that it ended with the status of success, or of a
// command line that is wrong, makes it no other thing.
func TestCrashes(t *testing.T) {
	for _, args := range [][]string{{"panic"}, {"exit", "0"}, {"exit", "1"}, {"exit", "2"}, {"exit", "79"}, {"exit", "83"}} {
		c, started, crashes := &clock{}, 0, []Crash(nil)
		o := c.options(&started, args...)
		o.Crashed = func(crash Crash) { crashes = append(crashes, crash) }
		_, err := Run(t.Context(), o)
		if !errors.Is(err, ErrTooOften) || started != 1+Most || !slices.Equal(c.pauses, pauses[:]) {
			t.Errorf("%v: %v, started %d times, after %v", args, err, started, c.pauses)
		}
		if len(crashes) != 1+Most || crashes[0].Pause != time.Second || !crashes[Most-1].Restart || crashes[Most].Restart || crashes[0].How == nil {
			t.Errorf("%v: %+v", args, crashes)
		}
	}
}

// TestCrashesNowAndThen: what is counted are the ten minutes before a crash.
func TestCrashesNowAndThen(t *testing.T) {
	for _, row := range []struct {
		between  time.Duration // two crashes
		tooOften bool
	}{{Within / (Most + 1), true}, {Within/Most + time.Second, false}} {
		c, started := &clock{}, 0
		o := c.options(&started, "exit", "1")
		ctx, cancel := context.WithCancel(t.Context())
		crashing := o.Agent
		o.Agent = func(ctx context.Context, anew bool) (*exec.Cmd, error) {
			c.now = c.now.Add(row.between) // which it runs
			return crashing(ctx, anew)
		}
		o.Crashed = func(Crash) {
			if started == 4*Most {
				cancel()
			}
		}
		o.Pause = func(ctx context.Context, d time.Duration) bool { return ctx.Err() == nil }
		if _, err := Run(ctx, o); errors.Is(err, ErrTooOften) != row.tooOften || !row.tooOften && started != 4*Most {
			t.Errorf("a crash each %v: %v, started %d times", row.between, err, started)
		}
		cancel()
	}
}

// TestMeant: an agent that ended on purpose is not started anew, whatever its status.
func TestMeant(t *testing.T) {
	for _, want := range []int{0, 1, 2, role.ExitAnew} {
		c, started := &clock{}, 0
		status, err := Run(t.Context(), c.options(&started, "exit", strconv.Itoa(role.ExitOnPurpose(want))))
		if status != want || err != nil || started != 1 || c.pauses != nil {
			t.Errorf("status %d: %d %v, started %d times", want, status, err, started)
		}
	}
}

// TestProgramMissing: while the program's file is being replaced it cannot be started, which
// is one of the five.
func TestProgramMissing(t *testing.T) {
	c, started := &clock{}, 0
	o := c.options(&started, "exit", "1")
	o.Agent = func(ctx context.Context, _ bool) (*exec.Cmd, error) {
		if started++; started < 3 {
			return exec.CommandContext(ctx, filepath.Join(os.TempDir(), "cpx-agent-missing-TEST")), nil
		}
		return role.SupervisedAgent.Command(ctx, "exit", strconv.Itoa(role.ExitOnPurpose(0)))
	}
	if status, err := Run(t.Context(), o); status != 0 || err != nil || started != 3 {
		t.Errorf("%d %v, tried %d times", status, err, started)
	}
}

// TestDesktopEnds: an agent that crashes at the end of the desktop session is not started
// anew, and a desktop that is slow to answer is waited for.
func TestDesktopEnds(t *testing.T) {
	for answersAt, restarts := range map[int]int{0: 1, 3: 1, desktopAsked + 1: 0} {
		c, started, asked := &clock{}, 0, 0
		o := c.options(&started, "exit", "1")
		ctx, cancel := context.WithCancel(t.Context())
		o.Desktop = func(context.Context) bool { asked++; return asked > answersAt }
		o.Crashed = func(Crash) {
			if started == 2 {
				cancel()
			}
		}
		_, err := Run(ctx, o)
		if started != 1+restarts || errors.Is(err, ErrDesktopEnded) != (restarts == 0) {
			t.Errorf("a desktop that answers after %d: %v, started %d times", answersAt, err, started)
		}
		cancel()
	}
}

// TestEndsWithContext: an agent that runs when the supervisor is asked to end is asked too, and
// waited for; it is not started anew, however it ends.
func TestEndsWithContext(t *testing.T) {
	for _, how := range []string{"meant", "crashes"} {
		ctx, cancel := context.WithCancel(t.Context())
		c, started := &clock{}, 0
		o := c.options(&started)
		out, in, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		o.Agent = func(ctx context.Context, _ bool) (*exec.Cmd, error) {
			started++
			cmd, err := role.SupervisedAgent.Command(ctx, "wait", how)
			cmd.Stdout = in
			return cmd, err
		}
		ended := make(chan error, 1)
		go func() { _, err := Run(ctx, o); ended <- err; _ = in.Close() }()
		if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-ended; err != nil || started != 1 {
			t.Errorf("%s: %v, started %d times", how, err, started)
		}
		if text, err := io.ReadAll(out); err != nil || string(text) != "asked" {
			t.Errorf("%s: it was not asked to end: %q %v", how, text, err)
		}
		_ = out.Close()
	}
}

// TestQuit: who quits while no agent runs gets none: in the pause, which then ends early,
// while the desktop is asked, and in the moment before the start.
func TestQuit(t *testing.T) {
	for _, when := range []string{"in the pause", "while the desktop is asked", "before the start"} {
		c, started := &clock{}, 0
		o := c.options(&started, "exit", "1")
		var quit atomic.Bool
		o.Quit = quit.Load
		slow := func(ctx context.Context) bool { quit.Store(true); <-ctx.Done(); return false }
		switch when {
		case "in the pause":
			o.Pause = func(ctx context.Context, _ time.Duration) bool { return slow(ctx) }
		case "while the desktop is asked":
			o.Desktop = slow
		case "before the start":
			o.Desktop = func(context.Context) bool { quit.Store(true); return true }
		}
		if status, err := Run(t.Context(), o); status != 0 || err != nil || started != 1 {
			t.Errorf("%s: %d %v, started %d times", when, status, err, started)
		}
	}
}

// TestDone: an agent that is killed while only its last window stands is not started anew.
func TestDone(t *testing.T) {
	c, started := &clock{}, 0
	o := c.options(&started, "exit", "1")
	o.Done = func() bool { return started > 0 }
	o.Crashed = func(crash Crash) { t.Errorf("a crash: %+v", crash) }
	if status, err := Run(t.Context(), o); status != 0 || err != nil || started != 1 || c.pauses != nil {
		t.Errorf("%d %v, started %d times", status, err, started)
	}
}
