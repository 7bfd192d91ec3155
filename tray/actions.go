package tray

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// What a click asks for.
const (
	doUse     = "use"
	doForget  = "forget"
	doLang    = "language"
	doLock    = "lock"
	doRefresh = "refresh"
	doState   = "state"
	doJournal = "journal"
	doQuit    = "quit"
)

// click is what the menu's process says.
type click struct {
	Do string
	ID string // of the entry, where there are several
}

// clicked does what was clicked, beside the menu: it may wait for a card's
// module, the keyring or another program.
func (t *tray) clicked(ctx context.Context, c click) {
	say := texts.In(t.agent.State().Lang)
	switch c.Do {
	case doUse:
		t.do(doUse, say.Text("tray.choice_failed"), func() error { return t.agent.Use(c.ID) })
	case doForget:
		t.do(doForget+" "+c.ID, say.Text("tray.forget_failed"), func() error { return t.agent.Forget(c.ID) })
	case doLang:
		t.do(doLang, "", func() error { return t.switchTo(c.ID) })
	case doLock:
		t.do(doLock, say.Text("tray.lock_failed"), func() error { return t.agent.LockCards(ctx) })
	case doRefresh:
		t.do(doRefresh, "", func() error { t.agent.Refresh(ctx); return nil })
	case doState:
		t.do(doState, "", func() error { t.agent.ShowState(ctx); return nil })
	case doJournal:
		t.do(doJournal, say.Text("tray.journal_failed", t.logFile), func() error { return t.open(t.logFile) })
	default:
		t.log.Warn("the tray's process asks for what there is not", "do", c.Do)
	}
}

// switchTo changes the language; a choice that cannot be kept is said in the new
// one.
func (t *tray) switchTo(lang string) error {
	err := t.agent.SetLanguage(lang)
	if err != nil && !errors.Is(err, state.ErrLanguageFixed) {
		t.notify(texts.In(lang).Text("tray.language_failed"))
	}
	return err
}

// do runs an action beside the others. What goes wrong is said in the menu and,
// with the reason, in the log.
func (t *tray) do(kind, failed string, action func() error) {
	t.actions.run(kind, func() {
		if err := action(); err != nil {
			t.log.Warn("what was clicked in the tray failed", "what", kind, "error", err)
			if failed != "" {
				t.notify(failed)
			}
		}
	})
}

// actions run one at a time of each kind. While one runs, of the later ones of
// its kind the last is kept: it is what the person wants in the end.
type actions struct {
	mu      sync.Mutex
	next    map[string]func() // by kind that runs; nil: nothing more
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

// wait lets what runs end, at most for limit.
func (a *actions) wait(limit time.Duration) {
	done := make(chan struct{})
	go func() { a.running.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(limit):
	}
}
