package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrTriesChanged is the cause with which the context of a PINFunc ends where the
// token says something else of its PIN than the person was shown.
var ErrTriesChanged = errors.New("pkcs11: the card has other PIN tries than were shown")

// triesChanged carries what the token is now.
type triesChanged struct{ token Token }

func (triesChanged) Error() string { return ErrTriesChanged.Error() }
func (triesChanged) Unwrap() error { return ErrTriesChanged }

// askPIN asks the person. What was read may be from before another program's wrong
// PIN, so the token is read once more while the dialog stands; where its tries
// are others the person is asked anew, unless the answer came first.
func (j *job) askPIN() error {
	token, shown := *j.chosen.Slot.Token, !j.held // a new reading needs no second
	for {
		pin, err := j.askOnce(token, !shown)
		var now triesChanged
		if errors.As(err, &now) {
			token, shown = now.token, true
			if err = refusal(j.with(token)); errors.Is(err, ErrPINLocked) {
				token, err = j.freeToken(token)
			}
			if err == nil {
				continue
			}
		}
		if err == nil && !token.ProtectedPath && !token.possible(len(pin)) {
			clear(pin)
			err = &Error{Op: "PIN", Path: j.module.path, Kind: ErrPINLength}
		}
		j.pin = pin
		return err
	}
}

// freeToken is the token as it is once it is known what its lock means. No dialog
// stands now.
func (j *job) freeToken(token Token) (Token, error) {
	c, err := j.pool.freeAlone(j.ctx, j.with(token), j.request)
	return *c.Slot.Token, err
}

func (j *job) with(token Token) Certificate {
	c := j.chosen
	c.Slot.Token = &token
	return c
}

// askOnce is one dialog; triesChanged where that ended it.
func (j *job) askOnce(token Token, reread bool) ([]byte, error) {
	ctx, end := context.WithCancelCause(j.ctx)
	defer end(nil)
	if reread {
		timer := time.AfterFunc(j.pool.triesAfter, func() { j.rereadTries(ctx, end, token) })
		defer timer.Stop()
	}
	pin, err := j.request.PIN(ctx, PINRequest{Certificate: j.with(token), Token: token})
	if err == nil {
		return pin, nil
	}
	clear(pin)
	if j.ctx.Err() != nil {
		return nil, context.Cause(j.ctx)
	}
	var changed triesChanged
	// Any other error is the person's own answer, or why there can be none.
	if errors.As(context.Cause(ctx), &changed) && (errors.Is(err, context.Canceled) || errors.Is(err, ErrTriesChanged)) {
		return nil, changed
	}
	return nil, fmt.Errorf("PIN: %w", err)
}

// rereadTries reads the token while the person types, and ends the dialog where
// its tries are not those that are shown.
func (j *job) rereadTries(ctx context.Context, end context.CancelCauseFunc, shown Token) {
	m := j.module
	soon, cancel := context.WithTimeout(ctx, rereadWithin)
	defer cancel()
	if j.pool.acquire(soon, m) != nil {
		return // a dialog that is replaced late takes what is being typed with it
	}
	defer j.pool.release(m)
	if ctx.Err() != nil || m.driver == nil || m.driver != j.driver {
		return
	}
	slot, _, err := j.pool.readSlot(m, j.chosen.Slot.ID)
	if err != nil {
		j.pool.log.Debug("the tries cannot be read", "module", m.path, "error", err)
		return
	}
	j.pool.tokenRead(m, slot)
	if sameToken(slot.Token, &shown) && !sameTries(*slot.Token, shown) {
		end(triesChanged{*slot.Token})
	}
}

// rereadWithin bounds how long rereadTries waits for the module.
const rereadWithin = 500 * time.Millisecond

func sameTries(a, b Token) bool {
	return a.PINCountLow == b.PINCountLow && a.PINFinalTry == b.PINFinalTry && a.PINLocked == b.PINLocked && a.PINNotSet == b.PINNotSet && a.PINExpired == b.PINExpired
}

// possible reports whether the card can have a PIN of that length. The binding
// would send an empty one as "typed on the reader".
func (t Token) possible(length int) bool {
	return length > 0 && length >= t.MinPIN && (t.MaxPIN == 0 || length <= t.MaxPIN)
}

// wrongPIN adds what the token says of the tries that are left, and notes it. With
// the lease held.
func (p *Pool) wrongPIN(m *module, c Certificate, err error) error {
	if !errors.Is(err, ErrPINIncorrect) && !errors.Is(err, ErrPINLocked) {
		return err
	}
	pin := &PINError{Locked: errors.Is(err, ErrPINLocked)}
	slot, _, readErr := p.readSlot(m, c.Slot.ID)
	if readErr != nil || !sameToken(slot.Token, c.Slot.Token) {
		m.setReading(nil)
		return fmt.Errorf("%w: %w", err, pin)
	}
	if slot.Token.PINLocked && errors.Is(err, ErrPINIncorrect) {
		p.pins.proves(slot.Token) // a wrong PIN shuts a card that was open
	}
	p.tokenRead(m, slot)
	pin.FinalTry, pin.CountLow = slot.Token.PINFinalTry, slot.Token.PINCountLow
	pin.Locked = pin.Locked || slot.Token.PINLocked
	return fmt.Errorf("%w: %w", err, pin)
}
