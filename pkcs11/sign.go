package pkcs11

import (
	"context"
	"errors"
	"fmt"

	p11 "github.com/miekg/pkcs11"
)

// Sign asks for the PIN once and makes one signature. It costs the card at most
// one try, and none unless PINFunc gave a PIN of a possible length.
//
// When ctx ends while the card works, Sign returns at once; the card's call
// runs to its end, nothing is signed after it, and the next call waits for it.
func (p *Pool) Sign(ctx context.Context, r Request) (Signature, error) {
	chosen, how, err := p.prepare(ctx, r.CertificateID)
	if err != nil {
		return Signature{}, err
	}
	message, err := r.Message(how.algorithm)
	if err != nil {
		return Signature{}, err
	}
	var pin []byte
	if !r.UseCardSession {
		if pin, err = askPIN(ctx, r, chosen); err != nil {
			return Signature{}, err
		}
	}
	j := &job{pool: p, module: p.module(chosen.Slot.Module), ctx: ctx, request: r, chosen: chosen, how: how, message: message, pin: pin}
	value, err := j.run()
	if err != nil {
		return Signature{}, err
	}
	return Signature{Algorithm: how.algorithm, Value: value, Certificate: chosen}, nil
}

func askPIN(ctx context.Context, r Request, chosen Certificate) ([]byte, error) {
	token := *chosen.Slot.Token
	pin, err := r.PIN(ctx, PINRequest{Certificate: chosen, Token: token})
	if err != nil {
		clear(pin)
		return nil, fmt.Errorf("PIN: %w", err)
	}
	if !token.ProtectedPath && !token.possible(len(pin)) {
		clear(pin)
		return nil, &Error{Op: "PIN", Path: chosen.Slot.Module, Kind: ErrPINLength}
	}
	return pin, nil
}

// possible tells whether the card can have a PIN of that length. The binding
// would send an empty one as "typed on the reader".
func (t Token) possible(length int) bool {
	return length > 0 && length >= t.MinPIN && (t.MaxPIN == 0 || length <= t.MaxPIN)
}

// prepare finds the certificate with a fresh reading, and what must be known
// before a person is asked.
func (p *Pool) prepare(ctx context.Context, id string) (Certificate, mechanism, error) {
	snapshot, err := p.List(ctx)
	if err != nil {
		return Certificate{}, mechanism{}, err
	}
	c, err := find(snapshot.Slots, snapshot.Certificates, id)
	if err != nil {
		return c, mechanism{}, err
	}
	failed := func(op string, kind error) error { return &Error{Op: op, Path: c.Slot.Module, Kind: kind} }
	switch token := c.Slot.Token; {
	case c.Reason == KeyWithoutPIN:
		return c, mechanism{}, failed("key of the certificate", ErrKeyWithoutPIN)
	case c.Reason != Usable:
		return c, mechanism{}, failed("certificate "+string(c.Reason), ErrUnsupported)
	case token.PINLocked:
		return c, mechanism{}, failed("token", ErrPINLocked)
	case token.PINNotSet:
		return c, mechanism{}, failed("token", ErrPINNotSet)
	}
	m := p.module(c.Slot.Module)
	if err := p.acquire(ctx, m); err != nil {
		return c, mechanism{}, err
	}
	defer p.release(m)
	if err := p.ready(m); err != nil {
		return c, mechanism{}, err
	}
	offered, err := m.driver.Mechanisms(c.Slot.ID)
	if err != nil {
		return c, mechanism{}, err
	}
	how, ok := choose(c.X509.PublicKey, offered)
	if !ok {
		return c, mechanism{}, failed("mechanisms", ErrUnsupported)
	}
	return c, how, nil
}

// find returns the certificate, or what has become of its card.
func find(slots []Slot, certificates []Certificate, id string) (Certificate, error) {
	for _, c := range certificates {
		if c.ID == id {
			return c, nil
		}
	}
	for _, slot := range slots {
		if slot.Token != nil {
			return Certificate{}, &Error{Op: "certificate", Kind: ErrCardChanged}
		}
	}
	return Certificate{}, &Error{Op: "certificate", Kind: ErrCardRemoved}
}

func (p *Pool) module(path string) *module {
	for _, m := range p.modules {
		if m.path == path {
			return m
		}
	}
	return nil
}

// job is the part of a signature between the PIN's entry and the log-out.
type job struct {
	pool    *Pool
	module  *module
	ctx     context.Context
	request Request
	chosen  Certificate
	how     mechanism
	message []byte
	pin     []byte
}

// run does the job in a goroutine of its own, because neither C_Login nor
// C_Sign can be interrupted: whoever gives up leaves it to run out.
func (j *job) run() ([]byte, error) {
	if err := j.pool.acquire(j.ctx, j.module); err != nil {
		clear(j.pin)
		return nil, err
	}
	type result struct {
		value []byte
		err   error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		func() {
			defer j.pool.release(j.module)
			defer clear(j.pin)
			r.value, r.err = j.sign()
		}()
		done <- r
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-j.ctx.Done():
		return nil, context.Cause(j.ctx)
	}
}

// sign reads once more, because the card may have been changed while the
// person typed: the PIN of one card is never sent to another. With the lease held.
func (j *job) sign() ([]byte, error) {
	v := j.pool.read(j.module)
	if v.err != nil {
		return nil, v.err
	}
	now, err := find(v.slots, v.certificates, j.chosen.ID)
	if err != nil {
		return nil, err
	}
	if now.Slot.Token.Serial != j.chosen.Slot.Token.Serial {
		return nil, &Error{Op: "token", Path: now.Slot.Module, Kind: ErrCardChanged}
	}
	d := j.module.driver
	value, err := j.session(d, now)
	if err == nil {
		j.module.worked()
	}
	if errors.Is(err, ErrModuleFailed) && !d.Gone() {
		// Modules tell of a pulled card with GENERAL_ERROR and worse: see.
		slot, ok, readErr := readSlot(j.module, now.Slot.ID)
		gone := readErr != nil || !ok || slot.Token == nil
		if !gone { // some go on showing it
			present, err := j.pool.present(now.Slot.Description)
			gone = err == nil && !present
		}
		if gone {
			err = errors.Join(&Error{Op: "token", Path: now.Slot.Module, Kind: ErrCardRemoved}, err)
		}
	}
	return value, err
}

// session opens, logs in, signs and logs out; in a card session it signs only.
func (j *job) session(d driver, c Certificate) (value []byte, err error) {
	if j.ctx.Err() != nil {
		return nil, context.Cause(j.ctx)
	}
	if j.request.UseCardSession {
		return j.signInCardSession(d, c)
	}
	j.pool.lock(j.module) // a new entry ends a card session
	session, err := d.OpenSession(c.Slot.ID)
	if err != nil {
		return nil, err
	}
	stays := false
	defer func() {
		if !stays {
			_ = d.CloseSession(session)
		}
	}()
	if state, err := d.SessionState(session); err != nil {
		return nil, err
	} else if state == p11.CKS_RO_USER_FUNCTIONS || state == p11.CKS_RW_USER_FUNCTIONS {
		// Someone in this process left it open: a PIN must be asked for.
		if err := d.Logout(session); err != nil {
			return nil, err
		}
	}
	if err := d.Login(session, p11.CKU_USER, j.pin); err != nil {
		if d.Gone() || errors.Is(err, ErrModuleFailed) {
			j.pool.reset(c.Slot) // the card may have taken the PIN all the same
		}
		return nil, wrongPIN(j.module, c, err)
	}
	defer func() {
		if !stays {
			_ = d.Logout(session)
			j.pool.reset(c.Slot)
		}
	}()
	if j.ctx.Err() != nil { // nothing is signed after a cancel
		return nil, context.Cause(j.ctx)
	}
	if j.request.Signing != nil {
		j.request.Signing()
	}
	value, again, err := j.signWith(d, session, c)
	if err == nil && j.request.OpenCardSession && !again {
		stays = true
		j.module.setCardSession(&cardSession{session: session, certificate: c})
	}
	return value, err
}

// wrongPIN adds what the token says of the tries that are left.
func wrongPIN(m *module, c Certificate, err error) error {
	if !errors.Is(err, ErrPINIncorrect) && !errors.Is(err, ErrPINLocked) {
		return err
	}
	pin := &PINError{Locked: errors.Is(err, ErrPINLocked)}
	if slot, _, readErr := readSlot(m, c.Slot.ID); readErr == nil && slot.Token != nil {
		pin.FinalTry, pin.CountLow = slot.Token.PINFinalTry, slot.Token.PINCountLow
		pin.Locked = pin.Locked || slot.Token.PINLocked
	}
	return fmt.Errorf("%w: %w", err, pin)
}

// signWith signs with the certificate's key; again tells of a key that wants the
// PIN for each use.
func (j *job) signWith(d driver, session p11.SessionHandle, c Certificate) (value []byte, again bool, err error) {
	keys, err := d.Find(session, keyTemplate(c.KeyID))
	if err != nil {
		return nil, again, err
	}
	if len(keys) == 0 {
		return nil, again, &Error{Op: "C_FindObjects", Path: c.Slot.Module, Kind: ErrNoKey}
	}
	key := keys[0]
	private, err := d.Attributes(session, key, p11.CKA_PRIVATE)
	if err != nil {
		return nil, again, err
	}
	if !isTrue(private[0]) {
		return nil, again, &Error{Op: "CKA_PRIVATE", Path: c.Slot.Module, Kind: ErrKeyWithoutPIN}
	}
	// Not every module knows the attribute; one that does not needs no second PIN.
	always, err := d.Attributes(session, key, p11.CKA_ALWAYS_AUTHENTICATE)
	again = err == nil && isTrue(always[0])
	if err := d.SignInit(session, j.how.mechanism, key); err != nil {
		return nil, again, err
	}
	if again {
		// PKCS#11 v2.40, 2.4: the key wants the PIN for each use. The same
		// entry, which the card has just taken; an error ends it here.
		if err := d.Login(session, p11.CKU_CONTEXT_SPECIFIC, j.pin); err != nil {
			return nil, again, wrongPIN(j.module, c, err)
		}
	}
	value, err = d.Sign(session, j.how.input(j.message))
	if err != nil {
		return nil, again, err
	}
	if err := j.how.verify(c.X509.PublicKey, j.message, value); err != nil {
		// A module that serves a stale cache signs with another card's key.
		return nil, again, fmt.Errorf("%w: %w", &Error{Op: "the signature does not fit the certificate", Path: c.Slot.Module, Kind: ErrModuleFailed}, err)
	}
	return value, again, nil
}
