package notify

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// State is what notes are about.
type State struct {
	Lang    string
	Cards   []Card // those that expire soon
	Keyring string // a text that says why no site can be remembered, or ""
	Paused  string // a text that says that nobody is asked about sites that are not allowed, or ""
}

// Card is a card that expires soon. Notes do not name its holder: a desktop may have
// them in a list, and a list of those that are over, for the next person to read.
type Card struct{ ID, NotAfter string }

// Options of Run. All but Send and Now are required.
type Options struct {
	State    func() State
	Changes  <-chan struct{} // receives when State has changed
	StateDir string          // for the record of the notifications sent
	Logger   *slog.Logger
	Send     Sender // default Send
	Now      func() time.Time
}

const (
	sendLimit = 5 * time.Second
	// week is the least time between two notes about one card.
	week = 7 * 24 * time.Hour
	// retry is the pause after a notification that the desktop did not show.
	retry = time.Hour
)

// Run sends notifications until ctx ends, and then takes back what only this process
// shows.
func Run(ctx context.Context, o Options) {
	defer withdraw()
	if o.Send == nil {
		o.Send = Send
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &notifier{Options: o, sent: read(o.StateDir), shown: map[string]func(){}}
	for {
		t.notify(ctx, o.State())
		select {
		case <-ctx.Done():
			return
		case <-o.Changes:
		}
	}
}

type notifier struct {
	Options
	sent   sent
	shown  map[string]func() // by card: takes its note back
	broken time.Time         // when sending last failed
	paused bool              // the pause that lasts was shown
}

func (t *notifier) notify(ctx context.Context, s State) {
	say, now := texts.In(s.Lang), t.Now()
	if t.sent.Ready.IsZero() && t.send(ctx, Note{say.Text("notify.ready"), say.Text("notify.ready_body")}) {
		t.sent.Ready = now
		t.save()
	}
	t.gone(s.Cards)
	for _, c := range s.Cards {
		last := t.sent.Cards[c.ID]
		if now.Sub(last) < week {
			continue
		}
		if retract, shown := t.sendNote(ctx, Note{say.Text("notify.expires"), say.Text("notify.expires_body", c.NotAfter)}); shown {
			t.shown[c.ID] = retract
			t.sent.Cards[c.ID] = now
			t.save()
		}
	}
	// Once for each pause: it is a person's answer to what they just saw.
	if s.Paused == "" {
		t.paused = false
	} else if !t.paused {
		t.paused = t.send(ctx, Note{say.Text("notify.paused"), s.Paused})
	}
	// Sent once, and again only where the keyring has worked since. Once a week at
	// most: some desktops open the keyring only after the agent has started.
	first := t.sent.Keyring.IsZero()
	switch {
	case s.Keyring == "" && !first && !t.sent.Worked:
		t.sent.Worked = true
		t.save()
	case s.Keyring != "" && (first || t.sent.Worked && now.Sub(t.sent.Keyring) >= week) && t.send(ctx, Note{say.Text("notify.keyring"), s.Keyring}):
		t.sent.Keyring, t.sent.Worked = now, false
		t.save()
	}
}

// gone takes back what was said of cards that have left: to the next person at this
// desktop it would speak of theirs.
func (t *notifier) gone(now []Card) {
	for id, retract := range t.shown {
		if !slices.ContainsFunc(now, func(c Card) bool { return c.ID == id }) {
			retract()
			delete(t.shown, id)
		}
	}
}

// send reports whether the note was shown. After a failure it does not try for a while.
func (t *notifier) send(ctx context.Context, n Note) bool {
	_, shown := t.sendNote(ctx, n)
	return shown
}

func (t *notifier) sendNote(ctx context.Context, n Note) (retract func(), shown bool) {
	if !t.broken.IsZero() && t.Now().Sub(t.broken) < retry {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	retract, err := t.Send(ctx, n)
	if err != nil {
		t.Logger.Debug("no notification", "error", err)
		t.broken = t.Now()
		return nil, false
	}
	return retract, true
}

// save records what was sent. Where that fails, this run at least sends nothing
// twice.
func (t *notifier) save() {
	if err := t.sent.write(t.StateDir, t.Now()); err != nil {
		t.Logger.Warn("the record of notifications cannot be saved", "error", err)
	}
}
