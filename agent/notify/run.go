package notify

import (
	"context"
	"log/slog"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// State is what notes are about.
type State struct {
	Lang    string
	Cards   []Card // that expire soon
	Keyring string // why no site can be remembered, in words, or ""
}

// Card is one that expires soon.
type Card struct{ ID, Holder, NotAfter string }

// Options of Run. All but Send and Now are required.
type Options struct {
	State    func() State
	Changes  <-chan struct{} // wakes when State differs
	StateDir string          // what was told is kept here
	Logger   *slog.Logger
	Send     Sender // default Send
	Now      func() time.Time
}

const (
	sendLimit = 5 * time.Second
	// week is the least time between two notes about one card.
	week = 7 * 24 * time.Hour
	// retry is the time after which a desktop that showed nothing is asked again.
	retry = time.Hour
)

// Run tells what is to be told until ctx ends.
func Run(ctx context.Context, o Options) {
	if o.Send == nil {
		o.Send = Send
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &teller{Options: o, told: read(o.StateDir)}
	for {
		t.tell(ctx, o.State())
		select {
		case <-ctx.Done():
			return
		case <-o.Changes:
		}
	}
}

type teller struct {
	Options
	told   told
	broken time.Time // when the desktop last showed nothing
}

func (t *teller) tell(ctx context.Context, s State) {
	say, now := texts.In(s.Lang), t.Now()
	if t.told.Ready.IsZero() && t.send(ctx, Note{say.Text("notify.ready"), say.Text("notify.ready_body")}) {
		t.told.Ready = now
		t.keep()
	}
	for _, c := range s.Cards {
		last := t.told.Cards[c.ID]
		if now.Sub(last) >= week && t.send(ctx, Note{say.Text("notify.expires"), say.Text("notify.expires_body", c.Holder, c.NotAfter)}) {
			t.told.Cards[c.ID] = now
			t.keep()
		}
	}
	// Told once for all, unless it has worked since: then it is news again, but
	// not at each start of a desktop that opens its keyring late.
	first := t.told.Keyring.IsZero()
	switch {
	case s.Keyring == "" && !first && !t.told.Worked:
		t.told.Worked = true
		t.keep()
	case s.Keyring != "" && (first || t.told.Worked && now.Sub(t.told.Keyring) >= week) && t.send(ctx, Note{say.Text("notify.keyring"), s.Keyring}):
		t.told.Keyring, t.told.Worked = now, false
		t.keep()
	}
}

// send is false where nothing was shown; then it is not tried for a while.
func (t *teller) send(ctx context.Context, n Note) bool {
	if !t.broken.IsZero() && t.Now().Sub(t.broken) < retry {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	if err := t.Send(ctx, n); err != nil {
		t.Logger.Debug("no notification", "error", err)
		t.broken = t.Now()
		return false
	}
	return true
}

// keep writes down what was told. Where that fails it is at least not told
// twice in this run.
func (t *teller) keep() {
	if err := t.told.write(t.StateDir, t.Now()); err != nil {
		t.Logger.Warn("what was notified cannot be kept", "error", err)
	}
}
