// Package cards knows the readers and the cards: which there are, when they are
// read, which certificate a login uses, and who waits for a card.
//
// The modules say what is on a card; PC/SC says when to read it, and at once that
// a card has left. A [Cards] may be used from any goroutine. What it knows it
// answers without waiting for a module; only [Cards.Current] and [Cards.Update]
// wait. It never asks a person, and never holds a lock while a module works.
package cards

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// Pool is what is needed of the modules; *pkcs11.Pool is one.
type Pool interface {
	Observe(e pcsc.Event)
	Expire()
	Current(ctx context.Context) (pkcs11.Snapshot, error)
	List(ctx context.Context) (pkcs11.Snapshot, error)
	Snapshot() (pkcs11.Snapshot, bool)
	Modules() []pkcs11.ModuleState
	Restart(ctx context.Context) error
	HasCardSession(certificateID string) bool
}

// Limits are time limits. Zero fields take their defaults.
type Limits struct {
	Poll     time.Duration // between two readings while a person waits, where no event reports a change
	Unshown  time.Duration // before the first reading for a card that a reading did not show
	Outdated time.Duration // the age of a reading that status renews, where no event reports a change
	Unwatch  time.Duration // for a watch of the readers to end, before another begins beside it
}

func (l Limits) withDefaults() Limits {
	if l.Poll == 0 {
		l.Poll = time.Second
	}
	if l.Unshown == 0 {
		l.Unshown = 300 * time.Millisecond
	}
	if l.Outdated == 0 {
		l.Outdated = 2 * time.Second
	}
	if l.Unwatch == 0 {
		l.Unwatch = 2 * time.Second
	}
	return l
}

// Options make Cards. Pool and Logger are required.
type Options struct {
	Pool   Pool
	Choice *Choice // which certificate the next login uses; nil: never remembered
	Logger *slog.Logger
	Limits Limits
	Now    func() time.Time // default time.Now
	// Watch follows the readers; default pcsc.Watch.
	Watch func(ctx context.Context, changed func(pcsc.Event))
	// Changed is called when anything that is known has changed.
	Changed func()
	// Removed is called when cards have left; gone reports whose certificates. It
	// must not wait.
	Removed func(gone func(certificateID string) bool)
	// SessionCardRemoved is called when a card has left that stayed logged in. It
	// must not wait.
	SessionCardRemoved func()
}

// Cards follows readers and cards.
type Cards struct {
	Options
	readers  readers
	readings *readings
	waiters  waiters
	watch    watchEnd
}

// New makes Cards. They know nothing until Run.
func New(o Options) *Cards {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Watch == nil {
		o.Watch = pcsc.Watch
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	if o.Removed == nil {
		o.Removed = func(func(string) bool) {}
	}
	if o.SessionCardRemoved == nil {
		o.SessionCardRemoved = func() {}
	}
	o.Limits = o.Limits.withDefaults()
	c := &Cards{Options: o}
	c.readings = newReadings(o.Pool, o.Now, o.Logger)
	c.readings.onChange(func(before []string, s pkcs11.Snapshot) {
		c.cardsGone(before, func(id string) bool { return !Has(s, id) })
		c.Changed()
	})
	return c
}

// Run reads the cards once and follows the readers, until ctx ends.
func (c *Cards) Run(ctx context.Context) {
	c.readings.onIdle(c.readers.mark, func(mark int) { c.settle(ctx, mark) })
	c.readings.refresh(ctx)
	for ctx.Err() == nil {
		c.follow(ctx)
	}
}

// Wait lets a reading in the background end, at most for limit.
func (c *Cards) Wait(limit time.Duration) { c.readings.wait(limit) }

// event follows one event of PC/SC.
func (c *Cards) event(ctx context.Context, e pcsc.Event) {
	c.Pool.Observe(e) // first: no login may go by a reading that this ends
	ended := e.Err != nil && c.readers.serves()
	emptied, differs := c.readers.observe(e)
	c.logService(e)
	for _, name := range emptied {
		c.readerEmptied(name)
	}
	c.Changed() // a card that has left is gone from the menu before any reading
	if e.Restarted || ended {
		// The vendor's module finds no reader after the service came back until it is
		// initialised again, and without the service may go on showing the card that was
		// read with it.
		c.restartModules(ctx)
	}
	if differs {
		c.readings.refresh(ctx)
		c.Changed() // one that came is being read
	}
}

// Expire ends what is known of the cards for logins, which read them anew: they may be
// changed from now on without an event.
func (c *Cards) Expire() { c.Pool.Expire() }

// ReadAnew is called when the cards may have been changed without an event, as while the
// screen was locked or the session disconnected: until they have been read nothing that was
// known of them is shown. With reopen the readers are asked for anew and the modules are
// initialised anew first: what both keep of readers and cards may be of a connection of before.
func (c *Cards) ReadAnew(ctx context.Context, reopen bool) {
	c.Pool.Expire()
	c.readers.expire()
	c.Changed()
	if reopen {
		c.watch.ask()
		c.restartModules(ctx)
	}
	c.readings.refresh(ctx)
	c.Changed()
}

func (c *Cards) restartModules(ctx context.Context) {
	if err := c.Pool.Restart(ctx); err != nil && ctx.Err() == nil {
		c.Logger.Warn("the modules could not be restarted", "error", err)
	}
}

// readerEmptied notifies of a card that was taken out of the reader. It does not
// wait for the module, which may be at work for seconds.
func (c *Cards) readerEmptied(reader string) {
	snapshot, _ := c.Pool.Snapshot()
	removed := c.readers.removedWith(reader, snapshot)
	on := func(id string) bool {
		return slices.ContainsFunc(snapshot.Certificates, func(each pkcs11.Certificate) bool { return each.ID == id && removed[keyOf(each.Slot)] })
	}
	c.cardsGone(certificateIDs(snapshot), on)
}

// cardsGone notifies of cards that have left, closes the dialogs about them, and
// ends the card session of one of those that were shown. A reading may notice it
// before PC/SC does, and then shows the card no more when the event comes.
func (c *Cards) cardsGone(shown []string, gone func(id string) bool) {
	c.Removed(gone)
	c.waiters.cardsGone(gone)
	if slices.ContainsFunc(shown, func(id string) bool { return gone(id) && c.Pool.HasCardSession(id) }) {
		c.SessionCardRemoved()
	}
}

// settle is called when no reading in the background is left, with the mark of the
// last: a card that the reading did not show is read again, since no further event
// would come.
func (c *Cards) settle(ctx context.Context, mark int) {
	snapshot, _ := c.Pool.Snapshot()
	if pause, more := c.readers.settled(mark, snapshot, c.Limits.Unshown); more {
		c.Logger.Debug("a reader holds a card that no module shows; reading again", "after", pause)
		time.AfterFunc(pause, func() {
			if ctx.Err() == nil {
				c.readings.refresh(ctx)
			}
		})
	}
	c.Changed()
}

// Current is what a login goes by: the last reading of each module as long as it
// holds, and a new one where nothing says that it does. Only a new one may refuse a
// login: what a module once could not read of a card, it may read the next time.
func (c *Cards) Current(ctx context.Context) (pkcs11.Snapshot, error) {
	s, err := c.readings.note(ctx, c.Pool.Current)
	if err != nil || len(Fitting(s)) > 0 || !HasCard(s) && !c.readers.unread(s) {
		return s, err
	}
	return c.readings.read(ctx)
}

// Refresh reads the cards in the background; where a reading runs, once more
// after it, because what it has seen may be from before a change.
func (c *Cards) Refresh(ctx context.Context) { c.readings.refresh(ctx) }

// RefreshOutdated is Refresh where no event would report a change and the last
// reading is old.
func (c *Cards) RefreshOutdated(ctx context.Context) {
	if c.outdated() {
		c.readings.refresh(ctx)
	}
}

func (c *Cards) outdated() bool {
	read, _ := c.Pool.Snapshot()
	return !c.readers.followed(read) && c.readings.olderThan(c.Limits.Outdated)
}

// refreshLimit bounds what a report waits for: a module may hang.
const refreshLimit = 5 * time.Second

// Update waits until what is known is fit to be reported: until the first reading
// has ended, and for a new one where now is set, or where no event would report a
// change and the last one is old. No reading begins while a login runs, which busy
// reports: the login would have to wait for the card. Update returns true where
// what is known is older than what was asked for. No event reports what other
// programs did to a card's PIN, hence now.
func (c *Cards) Update(ctx context.Context, now bool, busy func() bool) (outdated bool) {
	ctx, cancel := context.WithTimeout(ctx, refreshLimit)
	defer cancel()
	next := c.readings.next() // before the question: the reading may end meanwhile
	known, _ := c.readings.outcome()
	switch {
	case !known:
		select {
		case <-next:
		case <-ctx.Done():
		}
	case busy():
		return now
	case now, c.outdated():
		_, err := c.readings.read(ctx)
		return err != nil && ctx.Err() != nil
	}
	return false
}

// Summary is what status answers, of one reading. readers are those of PC/SC, and
// slots that are none and hold an initialised token; card is state.CardPresent,
// state.CardAbsent, or state.CardUnknown before the first reading has ended.
func (c *Cards) Summary() (readers int, card string) {
	read, _ := c.Pool.Snapshot()
	now, arriving := c.readers.without(read)
	if card = c.stateOf(now); arriving && card == state.CardAbsent {
		card = state.CardPresent
	}
	return c.readers.count(read), card
}

func (c *Cards) stateOf(s pkcs11.Snapshot) string {
	known, _ := c.readings.outcome()
	switch {
	case !known:
		return state.CardUnknown
	case HasCard(s):
		return state.CardPresent
	}
	return state.CardAbsent
}

// HasCard reports whether a card is in a slot, also one that its module does not
// know.
func HasCard(s pkcs11.Snapshot) bool {
	for _, slot := range s.Slots {
		if slot.Token != nil || slot.Unrecognized {
			return true
		}
	}
	return false
}

func certificateIDs(s pkcs11.Snapshot) (ids []string) {
	for _, c := range s.Certificates {
		ids = append(ids, c.ID)
	}
	return ids
}

// Has reports whether the certificate is on a card.
func Has(s pkcs11.Snapshot, certificateID string) bool {
	for _, c := range s.Certificates {
		if c.ID == certificateID {
			return true
		}
	}
	return false
}
