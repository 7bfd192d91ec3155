package cards

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// waiters knows the certificates that the person is being asked about, so that
// the dialogs close when their card leaves.
type waiters struct {
	mu   sync.Mutex
	open map[*waiter]bool
}

type waiter struct {
	ids []string
	end context.CancelCauseFunc
}

// begin gives a context that ends with pkcs11.ErrCardRemoved when the card of one
// of the certificates leaves.
func (w *waiters) begin(ctx context.Context, ids ...string) (context.Context, func()) {
	ctx, end := context.WithCancelCause(ctx)
	entry := &waiter{ids: ids, end: end}
	w.mu.Lock()
	if w.open == nil {
		w.open = map[*waiter]bool{}
	}
	w.open[entry] = true
	w.mu.Unlock()
	return ctx, func() {
		w.mu.Lock()
		delete(w.open, entry)
		w.mu.Unlock()
		end(nil)
	}
}

func (w *waiters) cardsGone(gone func(id string) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for entry := range w.open {
		for _, id := range entry.ids {
			if gone(id) {
				entry.end(pkcs11.ErrCardRemoved)
				break
			}
		}
	}
}

// pollFactor: a person who types a PIN is in less of a hurry than one who waits for a card.
const pollFactor = 3

// WhilePresent gives a context for a dialog that closes when the card of one of
// the certificates leaves: its cause is then pkcs11.ErrCardRemoved. Where no event
// would come, the cards are read now and then. The caller must call end.
func (c *Cards) WhilePresent(ctx context.Context, certificates ...pkcs11.Certificate) (dialog context.Context, end func()) {
	var asked pkcs11.Snapshot
	var ids []string
	for _, x := range certificates {
		asked.Slots, ids = append(asked.Slots, x.Slot), append(ids, x.ID)
	}
	ctx, end = c.waiters.begin(ctx, ids...)
	if c.readers.followed(asked) {
		return ctx, end
	}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pollFactor * c.Limits.Poll):
				_, _ = c.readings.read(ctx) // its end closes the dialogs of cards that left
			}
		}
	}()
	return ctx, end
}

// CardRemoved is the error of a dialog of WhilePresent, or that its card has left.
func CardRemoved(dialog context.Context, err error) error {
	if errors.Is(context.Cause(dialog), pkcs11.ErrCardRemoved) {
		return pkcs11.ErrCardRemoved
	}
	return err
}

// NextReading is closed at the end of the next reading, no matter who asked for it.
func (c *Cards) NextReading() <-chan struct{} { return c.readings.next() }

// NextPoll gets a value when it is time to read again for who waits for a card;
// nil where events come.
func (c *Cards) NextPoll(s pkcs11.Snapshot) <-chan time.Time {
	if c.readers.followed(s) {
		return nil
	}
	return time.After(c.Limits.Poll)
}

// LastRead is what the last reading showed. It never waits.
func (c *Cards) LastRead() pkcs11.Snapshot {
	read, _ := c.Pool.Snapshot()
	return read
}

// NoReader reports that there is nothing that a card could be put in, as far as is
// known.
func (c *Cards) NoReader(s pkcs11.Snapshot) bool { return c.readers.none(s) }

// Absence is the error of a login that no card came for.
func (c *Cards) Absence(s pkcs11.Snapshot) *protocol.Error {
	if c.readers.count(s) > 0 {
		return protocol.Fail(protocol.CodeNoCard)
	}
	return protocol.FailWith(protocol.CodeNoReader, c.readers.service())
}
