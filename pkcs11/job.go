package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	p11 "github.com/miekg/pkcs11"
)

// job is one signature, from the certificate to the log-out.
type job struct {
	pool    *Pool
	module  *module
	ctx     context.Context
	request Request
	chosen  Certificate
	how     mechanism
	message []byte
	pin     []byte

	// The reading that the job began on held, and stood on basis.
	held  bool
	basis basis
	// driver is the process that it was made in, and where opened is set, session
	// is one in it.
	driver  driver
	opened  bool
	session p11.SessionHandle
	key     p11.ObjectHandle // that signed

	outcome     atomic.Int32
	cardSession *cardSession // the one that the job opened
}

// ask makes the message and asks the person for the PIN. Where nothing comes of it,
// a panic included, the session is closed.
func (j *job) ask() (err error) {
	asked := false
	defer func() {
		if !asked {
			j.pool.later(j.abandon)
		}
	}()
	if j.message, err = j.request.Message(j.how.algorithm); err == nil && !j.request.UseCardSession {
		err = j.askPIN()
	}
	asked = err == nil
	return err
}

// run does the job in a goroutine of its own, because neither C_Login nor
// C_Sign can be interrupted: whoever gives up leaves it to run out.
func (j *job) run() ([]byte, error) {
	if err := j.pool.acquire(j.ctx, j.module); err != nil {
		clear(j.pin)
		j.pool.later(j.abandon)
		return nil, err
	}
	_ = j.step(StepJobBegun)
	type result struct {
		value []byte
		err   error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		func() {
			defer j.pool.release(j.module)
			defer func() { _ = j.step(StepJobEnded) }()
			defer j.closeSession()
			defer clear(j.pin)
			r.value, r.err = j.sign()
			if !j.outcome.CompareAndSwap(outcomeOpen, outcomeDelivered) && j.cardSession != nil && j.module.cardSession == j.cardSession {
				j.pool.lock(j.module) // nobody waits for it any more, nor bounds it in time
			}
		}()
		done <- r
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-j.ctx.Done():
	}
	if j.outcome.CompareAndSwap(outcomeOpen, outcomeWithdrawn) {
		return nil, context.Cause(j.ctx)
	}
	r := <-done // it was made in the same moment
	return r.value, r.err
}

// What became of a job: exactly one of the two goroutines of run decides.
const (
	outcomeOpen int32 = iota
	outcomeDelivered
	outcomeWithdrawn // its caller has gone
)

// abandon ends a job that nothing became of.
func (j *job) abandon() {
	if !j.opened || j.pool.acquire(context.WithoutCancel(j.ctx), j.module) != nil {
		return // a pool that is closed has closed the session too
	}
	defer j.pool.release(j.module)
	j.closeSession()
}

// open opens the job's session. With the lease held.
func (j *job) open(slot Slot) error {
	session, err := j.pool.openSession(j.module, slot)
	if err == nil {
		j.driver, j.opened, j.session = j.module.driver, true, session
	}
	return err
}

// closeSession closes the job's session, where it still has one. With the lease
// held.
func (j *job) closeSession() {
	if j.opened && j.module.driver == j.driver {
		_ = j.driver.CloseSession(j.session)
	}
	j.opened = false
}

// sign makes the signature with the card that the person was asked about: the PIN
// of one card is never sent to another. With the lease held.
func (j *job) sign() ([]byte, error) {
	now, d, value, err := j.signOnce()
	if errors.Is(err, errEndedBefore) && d.Gone() {
		// The module's process ended while the person typed, and its end is noticed
		// only now. Nothing was sent to the card, so it is no second entry.
		j.pool.setAside(j.module)
		now, d, value, err = j.signOnce()
	}
	if d == nil {
		return nil, err
	}
	if errors.Is(err, errOtherKey) {
		err = j.otherKey(now, err)
	}
	j.noteOutcome(now, err)
	if errors.Is(err, ErrModuleFailed) && !d.Gone() && j.removed(now) {
		err = errors.Join(&Error{Op: "token", Path: now.Slot.Module, Kind: ErrCardRemoved}, err)
	}
	return value, err
}

// errEndedBefore says that the module failed before anything was sent to the card.
var errEndedBefore = errors.New("pkcs11: the module failed before the PIN was sent")

// signOnce is one way to the signature; the driver is nil where the card was not
// found.
func (j *job) signOnce() (now Certificate, d driver, value []byte, err error) {
	if now, err = j.confirm(); err != nil {
		return now, nil, nil, err
	}
	d = j.module.driver
	value, err = j.logInAndSign(d, now)
	return now, d, value, err
}

// confirm returns the certificate on the card as it is now. Where a reading holds,
// PC/SC proves that the card never left; else the card is read once more.
func (j *job) confirm() (Certificate, error) {
	out := false
	if j.held && j.driver == j.module.driver {
		switch j.pool.presence(j.standsOn(), j.chosen.Slot) {
		case stayed:
			return j.chosen, nil
		case wentOut:
			out = true
			j.closeSession() // with it, some modules do not see the card that came
			if k := j.module.cardSession; k != nil && k.certificate.Slot.ID == j.chosen.Slot.ID {
				j.pool.lock(j.module)
			}
		}
	}
	if !j.held && j.request.UseCardSession && j.pool.onSilentSlot(j.module) && j.module.cardSession.certificate.ID == j.chosen.ID {
		return j.chosen, nil
	}
	if j.opened && !j.held && j.driver == j.module.driver {
		// ensureSession asks for the session's state next, where nothing has changed.
		expect(j.driver, nil, call{Op: "C_GetSessionInfo", Session: uint(j.session)})
	}
	r := j.pool.read(j.module)
	if r.err != nil {
		return Certificate{}, r.err
	}
	now, err := j.pool.findIn(r, j.chosen.ID)
	if err != nil {
		return Certificate{}, err
	}
	failed := func(kind error) (Certificate, error) {
		return Certificate{}, &Error{Op: "token", Path: now.Slot.Module, Kind: kind}
	}
	switch {
	case !sameToken(now.Slot.Token, j.chosen.Slot.Token):
		return failed(ErrCardChanged)
	case out && j.request.UseCardSession: // it ended with the removal; the same card is back
		return failed(ErrNoCardSession)
	case out:
		return failed(ErrCardRemoved)
	}
	j.basis = r.basis
	return now, nil
}

// standsOn is what the card must not have left since: for a card session, since
// that began.
func (j *job) standsOn() basis {
	if k := j.module.cardSession; j.request.UseCardSession && k != nil {
		return k.basis
	}
	return j.basis
}

// noteOutcome drops the reading where the login may have changed what it says.
func (j *job) noteOutcome(c Certificate, err error) {
	switch token := c.Slot.Token; {
	case err == nil:
		j.module.worked()
		if found := j.module.foundStaleCache(); found != nil && found.certificate == c.ID {
			j.module.setStaleCache(nil)
		}
		if token.PINCountLow || token.PINFinalTry { // the right PIN brings the tries back
			j.module.setReading(nil)
		}
	case j.ctx.Err() != nil && errors.Is(err, context.Cause(j.ctx)):
	case errors.Is(err, ErrPINIncorrect), errors.Is(err, ErrPINLocked): // see wrongPIN
	case errors.Is(err, ErrNoKey):
		j.pool.keyMissing(j.module, c) // no second PIN for nothing while the card stays
	default:
		j.module.setReading(nil)
	}
}

// removed reports whether a module that failed has lost its card: modules say so
// with GENERAL_ERROR and worse.
func (j *job) removed(c Certificate) bool {
	slot, ok, err := j.pool.readSlot(j.module, c.Slot.ID)
	if err != nil || !ok || slot.Token == nil {
		return true
	}
	// Some go on showing it.
	return j.pool.emptied(c.Slot)
}

// logInAndSign logs in, signs and logs out; in a card session it signs only.
func (j *job) logInAndSign(d driver, c Certificate) (value []byte, err error) {
	if j.ctx.Err() != nil {
		return nil, context.Cause(j.ctx)
	}
	if j.request.UseCardSession {
		return j.signInCardSession(d, c)
	}
	if err := j.openForLogin(d, c); err != nil {
		return nil, err
	}
	if err := j.step(StepLoginBegun); err != nil { // no try after a cancel
		return nil, err
	}
	j.pool.pins.opens(c.Slot)
	if err := d.Login(j.session, p11.CKU_USER, j.pin); err != nil {
		_ = j.step(failedLogin(err))
		j.pool.pins.closes(c.Slot)
		if d.Gone() || errors.Is(err, ErrModuleFailed) {
			j.pool.reset(c.Slot) // the card may have taken the PIN all the same
		}
		return nil, j.freed(c, j.pool.wrongPIN(j.module, c, err))
	}
	_ = j.step(StepLoginRight)
	defer func() {
		if j.opened { // not handed on to a card session
			endSession(d, j.session)
			j.opened = false
			j.pool.reset(c.Slot)
		}
	}()
	if j.ctx.Err() != nil { // nothing is signed after a cancel
		return nil, context.Cause(j.ctx)
	}
	if j.request.Signing != nil {
		j.request.Signing()
	}
	value, eachUse, err := j.signWith(d, j.session, c)
	if err == nil && j.request.OpenCardSession && !eachUse {
		j.opened = false
		j.cardSession = &cardSession{session: j.session, key: j.key, certificate: c, basis: j.basis}
		j.module.setCardSession(j.cardSession)
	}
	return value, err
}

// openForLogin makes sure of the session that a PIN goes to, and that the card in it is the one that
// confirm found. No PIN is sent to the card.
func (j *job) openForLogin(d driver, c Certificate) error {
	ended := j.module.cardSession != nil
	j.pool.lock(j.module) // a new entry ends a card session
	reopened, err := j.ensureSession(d, c.Slot)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errEndedBefore, err)
	case ended:
		// Its end resets cards and may take seconds, in which this one can become another. Only
		// now that a session is open is it certain that the module sees the card again.
		if _, err := j.confirm(); err != nil {
			return err
		}
		if j.module.driver != d {
			return fmt.Errorf("%w: %w", errEndedBefore, &Error{Op: "token", Path: j.module.path, Kind: ErrModuleFailed})
		}
	case reopened:
		// What ended the session that stood before the PIN may have been the card's
		// removal: the new one says nothing about whose card it is on.
		return j.sameCard(c)
	}
	return nil
}

// failedLogin is the step of a C_Login that did not succeed.
func failedLogin(err error) Step {
	if errors.Is(err, ErrPINIncorrect) {
		return StepLoginWrong
	}
	return StepLoginFailed
}

// ensureSession makes sure of a session that asks for a PIN: the one that was opened before
// the person was asked, or a new one where a reset of the card by another program
// has ended that. Nothing is sent to the card.
func (j *job) ensureSession(d driver, slot Slot) (reopened bool, err error) {
	if j.opened && (j.driver != d || j.chosen.Slot.ID != slot.ID) {
		j.closeSession()
	}
	var state uint
	if j.opened {
		if state, err = d.SessionState(j.session); err != nil {
			j.closeSession()
		}
	}
	if !j.opened {
		reopened = true
		next := []call{{Op: "C_GetSessionInfo"}}
		if _, is := j.basis.reader(slot, j.pool.slotsOf(slot)); !is {
			// sameCard asks these. Where PC/SC answers it, C_GetTokenInfo would be commands
			// to the card, more than half as many as C_Login takes.
			next = append(next, call{Op: "C_GetSlotInfo", Slot: slot.ID}, call{Op: "C_GetTokenInfo", Slot: slot.ID})
		}
		expect(d, nil, next...)
		if err := j.open(slot); err != nil {
			return reopened, err
		}
		if state, err = d.SessionState(j.session); err != nil {
			return reopened, err
		}
	}
	if state == p11.CKS_RO_USER_FUNCTIONS || state == p11.CKS_RW_USER_FUNCTIONS {
		// Someone in this process left it open: a PIN must be asked for.
		return reopened, d.Logout(j.session)
	}
	return reopened, nil
}

// sameCard proves that the card in the slot is the one that confirm found: by
// PC/SC, and where that cannot, by its serial. With the lease held.
func (j *job) sameCard(c Certificate) error {
	failed := func(kind error) error { return &Error{Op: "token", Path: c.Slot.Module, Kind: kind} }
	switch j.pool.presence(j.basis, c.Slot) {
	case stayed:
		return nil
	case wentOut:
		return failed(ErrCardRemoved)
	}
	slot, _, err := j.pool.readSlot(j.module, c.Slot.ID)
	switch {
	case err != nil:
		return err
	case slot.Token == nil:
		return failed(ErrCardRemoved)
	case !sameToken(slot.Token, c.Slot.Token):
		return failed(ErrCardChanged)
	}
	return nil
}

// signWith signs with the certificate's key; eachUse reports a key that wants the
// PIN for each use.
func (j *job) signWith(d driver, session p11.SessionHandle, c Certificate) (value []byte, eachUse bool, err error) {
	key, err := keyAfterLogin(d, session, c)
	if err != nil {
		return nil, eachUse, err
	}
	expect(d, nil, call{Op: "C_GetAttributeValue", Session: uint(session), Object: uint(key), Types: []uint{p11.CKA_ALWAYS_AUTHENTICATE}})
	private, err := d.Attributes(session, key, p11.CKA_PRIVATE)
	if err != nil {
		return nil, eachUse, err
	}
	if !isTrue(private[0]) {
		return nil, eachUse, &Error{Op: "CKA_PRIVATE", Path: c.Slot.Module, Kind: ErrKeyWithoutPIN}
	}
	// Not every module knows the attribute; one that does not needs no second PIN.
	always, err := d.Attributes(session, key, p11.CKA_ALWAYS_AUTHENTICATE)
	eachUse = err == nil && isTrue(always[0])
	j.key = key
	if !eachUse {
		value, err = j.signed(c, func(data []byte) ([]byte, error) {
			return signWithKey(d, session, j.how.mechanism, key, data)
		})
		return value, false, err
	}
	if err := d.SignInit(session, j.how.mechanism, key); err != nil {
		return nil, eachUse, err
	}
	if j.ctx.Err() != nil {
		return nil, eachUse, context.Cause(j.ctx)
	}
	// PKCS#11 v2.40, 2.4: the key wants the PIN for each use. The same
	// entry, which the card has just taken; an error ends it here.
	if err := d.Login(session, p11.CKU_CONTEXT_SPECIFIC, j.pin); err != nil {
		return nil, eachUse, j.pool.wrongPIN(j.module, c, err)
	}
	value, err = j.signed(c, func(data []byte) ([]byte, error) { return d.Sign(session, data) })
	return value, eachUse, err
}

// signed is what sign makes of the message, once it is proved to be the certificate's.
func (j *job) signed(c Certificate, sign func(data []byte) ([]byte, error)) ([]byte, error) {
	// What came before, the search for the key among it, took its time at the card.
	if err := j.step(StepSignBegun); err != nil {
		return nil, err
	}
	value, err := sign(j.how.input(j.message))
	if err != nil {
		return nil, err
	}
	_ = j.step(StepSignEnded)
	value, err = j.how.accept(c.X509.PublicKey, j.message, value)
	if err != nil {
		return nil, fmt.Errorf("%w: the signature does not fit the certificate: %w", errOtherKey, err)
	}
	return value, nil
}
