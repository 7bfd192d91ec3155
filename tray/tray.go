// Package tray is the agent's menu on the desktop: what state the cards are in,
// which certificate the next login uses, which sites are allowed.
//
// It is a thin client of the agent's state. The menu itself lives in a process
// of its own, this program in another role ([RunChildRole]), which receives the
// finished menu and reports clicks, over pipes that only the two share: the toolkit
// ends its process where the display is lost, and must not end the agent. [Run] starts
// it again, with growing pauses, until a display answers.
//
// Run may be called once at a time, from any goroutine. It never waits for a
// card, a module or the keyring, and the process of the menu receives no PIN and
// nothing that the menu does not show.
package tray

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
)

// Agent is what the menu shows and controls: an *agent.Server. State must not block;
// the other methods may.
type Agent interface {
	State() state.State
	Changes(ctx context.Context) <-chan struct{}
	Use(certificateID string) error
	ResumeUnknownSites() bool
	// Forget takes back what was remembered of a site, or of a domain.
	Forget(what string) error
	LockCards(ctx context.Context) error
	SetLanguage(lang string) error
	Refresh(ctx context.Context)
	// Restart has the program that is installed follow this one: a *state.RestartError where
	// it does not.
	Restart(ctx context.Context) error
	// ShowRestartFailure shows why, and returns at once.
	ShowRestartFailure(ctx context.Context, err error)
	// ShowState shows the state as text, and returns at once.
	ShowState(ctx context.Context)
	// ShowDiagnosis examines the workstation and shows what it found, likewise.
	ShowDiagnosis(ctx context.Context)
	// ShowLog shows where the log is, likewise.
	ShowLog(ctx context.Context)
}

// Options of Run.
type Options struct {
	Logger  *slog.Logger
	LogFile string // the file that "Journal" opens; "": no such entry
	ReadLog func() // called before it is opened, so that it is complete; nil: nothing to do

	openLimit time.Duration // as the constant, for tests; 0: that
}

// openLimit is how long the desktop's program may need for the log before a window says where
// it is.
const openLimit = 10 * time.Second

// Pauses before the menu's process is started again. After one that ran for longRun
// they begin with the first.
const (
	firstPause = time.Second
	lastPause  = time.Minute
	longRun    = 30 * time.Second
)

// noticeTime is how long a failure is shown in the menu.
const noticeTime = 30 * time.Second

// actionLimit is how long Run waits at its end for actions that run.
const actionLimit = 2 * time.Second

var (
	errQuit      = errors.New("tray: the person quit")
	errNoDisplay = errors.New("tray: no display answers")
	errNoToolkit = errors.New("tray: GTK 3, or the library for icons on a panel, is missing or too old")
	errRestart   = errors.New("tray: the toolkit has to be restarted")
)

// tray is the agent's side.
type tray struct {
	agent   Agent
	log     *slog.Logger
	logFile string
	readLog func() // before the person reads it
	notices chan string
	actions actions
	clicks  atomic.Int64            // on the log's entry
	open    func(path string) error // opens a file with the desktop's program
	limit   time.Duration           // of open
}

// Run shows the menu until ctx ends or the person quits, and returns whether the
// person quit. Without a display it waits for one.
func Run(ctx context.Context, a Agent, o Options) (quit bool) {
	t := &tray{agent: a, log: o.Logger, logFile: o.LogFile, readLog: o.ReadLog, notices: make(chan string, 1), open: openFile, limit: cmp.Or(o.openLimit, openLimit)}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	defer t.actions.wait(actionLimit)
	if !displayNamed() {
		t.log.Info("no display: running without the tray")
		<-ctx.Done()
		return false
	}
	for pause, before := firstPause, error(nil); ; {
		begun := time.Now()
		err := t.session(ctx)
		switch {
		case errors.Is(err, errQuit):
			return true
		case ctx.Err() != nil:
			return false
		case errors.Is(err, errNoDisplay) && errors.Is(before, errNoDisplay), errors.Is(err, errNoToolkit) && errors.Is(before, errNoToolkit): // logged already
		case errors.Is(err, errNoDisplay):
			t.log.Info("no display answers: running without the tray until one does")
		case errors.Is(err, errNoToolkit):
			t.log.Warn("there is no menu until it can be shown", "error", err)
		case errors.Is(err, errRestart):
			t.log.Info("the tray's toolkit is restarted")
		default:
			t.log.Warn("the tray's process ended", "error", err)
		}
		if time.Since(begun) > longRun {
			pause = firstPause
		}
		before = err
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

// session is the life of one process of the menu.
func (t *tray) session(ctx context.Context) error {
	listening, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := start(t.log)
	if err != nil {
		return err
	}
	defer p.end()
	changes := t.agent.Changes(listening)
	var shown []byte
	notice := ""
	expired := time.NewTimer(noticeTime)
	defer expired.Stop()
	for {
		menu, err := json.Marshal(t.view(notice))
		if err != nil {
			return err
		}
		if !bytes.Equal(menu, shown) {
			shown = menu
			if err := p.show(menu); err != nil {
				return p.why(err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changes:
		case notice = <-t.notices:
			expired.Reset(noticeTime)
		case <-expired.C:
			notice = ""
		case c, ok := <-p.clicks:
			if !ok {
				return p.why(nil)
			}
			if c.Do == doQuit && !t.agent.State().StaysOn { // the settings may have changed since
				return errQuit
			}
			t.clicked(ctx, c)
		}
	}
}

func (t *tray) view(notice string) view {
	v := viewOf(t.agent.State(), notice)
	if t.logFile == "" {
		v.Journal = ""
	}
	return v
}

// notify shows a failure in the menu for a while. A newer one replaces it.
func (t *tray) notify(text string) {
	for {
		select {
		case t.notices <- text:
			return
		case <-t.notices:
		}
	}
}

// displayNamed reports whether the environment names a display, where it has to.
func displayNamed() bool {
	return !needsDisplay || os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != ""
}
