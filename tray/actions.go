package tray

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// The actions of a click.
const (
	doUse     = "use"
	doForget  = "forget"
	doLang    = "language"
	doResume  = "resume"
	doLock    = "lock"
	doRefresh = "refresh"
	doState   = "state"
	doExamine = "examine"
	doJournal = "journal"
	doRestart = "restart"
	doQuit    = "quit"
)

// click is a message of the menu's process.
type click struct {
	Do string
	ID string // of the entry, where there are several of a kind
}

// clicked runs the action of a click in the background: it may wait for a card's
// module, the keyring or another program.
func (t *tray) clicked(ctx context.Context, c click) {
	say := texts.In(t.agent.State().Lang)
	switch c.Do {
	case doUse:
		t.do(doUse, say.Text("tray.choice_failed"), func() error { return t.agent.Use(c.ID) })
	case doForget:
		t.do(doForget+" "+c.ID, say.Text("tray.forget_failed"), func() error { return t.agent.Forget(c.ID) })
	case doResume:
		t.do(doResume, "", func() error { t.agent.ResumeUnknownSites(); return nil })
	case doLang:
		t.do(doLang, "", func() error { return t.switchTo(c.ID) })
	case doLock:
		t.do(doLock, say.Text("tray.lock_failed"), func() error { return t.agent.LockCards(ctx) })
	case doRefresh:
		t.do(doRefresh, "", func() error { t.agent.Refresh(ctx); return nil })
	case doState:
		t.do(doState, "", func() error { t.agent.ShowState(ctx); return nil })
	case doRestart:
		t.do(doRestart, "", func() error { return t.restart(ctx) })
	case doExamine:
		t.do(doExamine, "", func() error { t.agent.ShowDiagnosis(ctx); return nil })
	case doJournal:
		// A kind of its own for each click: none is to stand behind a program that hangs.
		t.do(fmt.Sprint(doJournal, " ", t.clicks.Add(1)), "", func() error { return t.openLog(ctx) })
	default:
		t.log.Warn("the tray's process asks for an unknown action", "do", c.Do)
	}
}

// openLog opens the log with the desktop's program. Where that is not to be had, does not end,
// or the file is not there, the agent says in a window where it is.
func (t *tray) openLog(ctx context.Context) error {
	if t.readLog != nil {
		t.readLog()
	}
	_, err := os.Stat(t.logFile)
	if err == nil {
		err = t.openWithin(ctx)
	}
	if err != nil {
		t.agent.ShowLog(ctx)
	}
	return err
}

// errNoEnd says that the desktop's program has neither ended nor failed.
var errNoEnd = errors.New("tray: the program that opens the log has not ended: it may show it, or hang")

// openWithin opens the log, for the time of the limit. A program that has not ended by then
// is left alone: xdg-open(1) runs as long as the editor where that is its child.
func (t *tray) openWithin(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- t.open(t.logFile) }()
	limit := time.NewTimer(t.limit)
	defer limit.Stop()
	select {
	case err := <-ended:
		return err
	case <-limit.C:
		return errNoEnd
	case <-ctx.Done():
		return nil
	}
}

// restart has the agent start anew. Why it does not stands in the menu for a while, and in a
// window.
func (t *tray) restart(ctx context.Context) error {
	err := t.agent.Restart(ctx)
	if err != nil {
		say := texts.In(t.agent.State().Lang)
		t.notify(say.Text("tray.restart_failed"))
		t.agent.ShowRestartFailure(ctx, err)
	}
	return err
}

// switchTo changes the language. Where the choice cannot be saved, a notice in the
// new language says so.
func (t *tray) switchTo(lang string) error {
	err := t.agent.SetLanguage(lang)
	if err != nil && !errors.Is(err, state.ErrLanguageFixed) {
		t.notify(texts.In(lang).Text("tray.language_failed"))
	}
	return err
}

// do runs an action beside others. A failure is shown in the menu and, with its
// reason, in the log.
func (t *tray) do(kind, failed string, action func() error) {
	t.actions.run(kind, func() {
		if err := action(); err != nil {
			t.log.Warn("an action of the tray failed", "what", kind, "error", err)
			if failed != "" {
				t.notify(failed)
			}
		}
	})
}

// actions runs one action of each kind at a time. While one runs, only the last of
// the later ones of its kind is remembered: it is what the person wants in the end.
type actions struct {
	mu      sync.Mutex
	next    map[string]func() // by the kind that runs; nil: no later one
	running sync.WaitGroup
}

func (a *actions) run(kind string, action func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, runs := a.next[kind]; runs {
		a.next[kind] = action
		return
	}
	if a.next == nil {
		a.next = map[string]func(){}
	}
	a.next[kind] = nil
	a.running.Go(func() {
		for action != nil {
			action()
			a.mu.Lock()
			if action = a.next[kind]; action == nil {
				delete(a.next, kind)
			} else {
				a.next[kind] = nil
			}
			a.mu.Unlock()
		}
	})
}

// wait waits for running actions, at most for limit.
func (a *actions) wait(limit time.Duration) {
	done := make(chan struct{})
	go func() { a.running.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(limit):
	}
}
