package pkcs11

import (
	"context"
	"errors"
)

// Sign asks for the PIN once and makes one signature. It costs the card at most
// one try, and none unless PINFunc gave a PIN of a possible length.
//
// Where the last reading of the card holds, nothing is asked of the card until the
// PIN is in, and then only what the signature takes: see [Pool.Observe].
//
// When ctx ends while the card works, Sign returns at once; the card's call runs
// to its end, nothing is signed after it, and the next call waits for it.
func (p *Pool) Sign(ctx context.Context, r Request) (Signature, error) {
	s, err := p.signOnce(ctx, r)
	if errors.Is(err, errFreed) { // once at most, by Request.MayReset
		r.JustRead = false // the person was asked
		s, err = p.signOnce(ctx, r)
	}
	return s, err
}

func (p *Pool) signOnce(ctx context.Context, r Request) (Signature, error) {
	j, err := p.prepare(ctx, r)
	if err != nil {
		return Signature{}, err
	}
	if err := j.ask(); err != nil {
		return Signature{}, err
	}
	value, err := j.run()
	if err != nil {
		return Signature{}, err
	}
	return Signature{Algorithm: j.how.algorithm, Value: value, Certificate: j.chosen}, nil
}

// freeAlone is free of a card whose module is not leased yet.
func (p *Pool) freeAlone(ctx context.Context, c Certificate, r Request) (Certificate, error) {
	m := p.module(c.Slot.Module)
	if err := p.acquire(ctx, m); err != nil {
		return c, err
	}
	defer p.release(m)
	if err := p.ready(m); err != nil {
		return c, err
	}
	return p.free(m, c, r)
}

// errOutdated says that a reading was found not to hold after all.
var errOutdated = errors.New("pkcs11: the cards must be read anew")

// prepare finds the certificate, and what must be known before a person is asked.
// A reading that holds lets a signature begin; only a new one refuses it.
func (p *Pool) prepare(ctx context.Context, r Request) (*job, error) {
	if m := p.holderOf(r.CertificateID); m != nil {
		if j, err := p.begin(ctx, m, r, true); !errors.Is(err, errOutdated) {
			return j, err
		}
	}
	if m := p.silentHolderOf(r.CertificateID); m != nil && (r.JustRead && m.fresh() || r.UseCardSession) {
		if j, err := p.begin(ctx, m, r, false); err == nil {
			return j, nil
		}
	}
	snapshot, err := p.List(ctx)
	if err != nil {
		return nil, err
	}
	c, err := find(snapshot.Slots, snapshot.Certificates, r.CertificateID)
	if err == nil {
		err = refusal(c)
	}
	if errors.Is(err, ErrPINLocked) {
		c, err = p.freeAlone(ctx, c, r)
	}
	if err != nil {
		return nil, err
	}
	return p.begin(ctx, p.module(c.Slot.Module), r, false)
}

// holderOf is the module whose last reading holds and shows the certificate fit
// for a signature.
func (p *Pool) holderOf(id string) *module {
	snapshot, _ := p.Snapshot()
	c, err := find(snapshot.Slots, snapshot.Certificates, id)
	if err != nil {
		return nil
	}
	m := p.module(c.Slot.Module)
	r := p.holding(m)
	if r == nil {
		return nil
	}
	if c, err = p.findIn(r, id); err != nil || refusal(c) != nil {
		return nil
	}
	return m
}

// silentHolderOf is the module whose last reading shows the certificate in a slot of which
// PC/SC says nothing.
func (p *Pool) silentHolderOf(id string) *module {
	snapshot, _ := p.Snapshot()
	c, err := find(snapshot.Slots, snapshot.Certificates, id)
	if err != nil {
		return nil
	}
	m := p.module(c.Slot.Module)
	if !p.silent(m.lastReading()) {
		return nil
	}
	return m
}

// begin makes the job on the module's last reading, and where that holds opens the
// session that the PIN will be used in: a card that is changed meanwhile ends it.
// It fails with errOutdated where the reading must hold and does not.
func (p *Pool) begin(ctx context.Context, m *module, r Request, must bool) (*job, error) {
	if err := p.acquire(ctx, m); err != nil {
		return nil, err
	}
	defer p.release(m)
	held := p.holding(m)
	if held == nil && must {
		return nil, errOutdated
	}
	j, err := p.newJob(ctx, m, r)
	if err == nil && held != nil {
		j.held, j.basis, j.driver = true, held.basis, m.driver
		if !r.UseCardSession {
			err = j.beforePIN()
		}
	} else if err == nil && !r.UseCardSession && !j.chosen.Slot.Token.ProtectedPath && p.silent(m.lastReading()) {
		_ = j.open(j.chosen.Slot) // without it the card is read once more after the PIN
	}
	if err != nil && must {
		m.setReading(nil)
		return nil, errOutdated
	}
	return j, err
}

// newJob is the job by the module's last reading. With the lease held.
func (p *Pool) newJob(ctx context.Context, m *module, r Request) (*job, error) {
	if err := p.ready(m); err != nil {
		return nil, err
	}
	last := m.lastReading()
	if last == nil { // its process ended just now
		if last = p.read(m); last.err != nil {
			return nil, last.err
		}
	}
	c, err := p.findIn(last, r.CertificateID)
	if err == nil {
		err = refusal(c)
	}
	if err != nil {
		return nil, err
	}
	how, err := p.mechanism(m, last, c)
	return &job{pool: p, module: m, ctx: ctx, request: r, chosen: c, how: how}, err
}

// freshSlot reads the token in a slot once more; errOutdated where it is another.
// With the lease held.
func (p *Pool) freshSlot(m *module, before Slot) (Slot, error) {
	now, _, err := p.readSlot(m, before.ID)
	if err != nil || !sameToken(now.Token, before.Token) {
		m.setReading(nil)
		return before, errOutdated
	}
	p.tokenRead(m, now)
	return now, nil
}

// beforePIN opens the job's session. A PIN that is typed on the reader's own keys
// is asked for at once, and no dialog could be replaced by one that warns: there
// the tries are read first. With the lease held.
func (j *job) beforePIN() (err error) {
	if j.chosen.Slot.Token.ProtectedPath {
		if j.chosen.Slot, err = j.pool.freshSlot(j.module, j.chosen.Slot); err == nil {
			j.chosen, err = j.pool.free(j.module, j.chosen, j.request)
		}
		if err != nil {
			return err
		}
	}
	return j.open(j.chosen.Slot)
}

// mechanism is how the certificate's key signs, by what the token offers, which
// is asked for once. With the lease held.
func (p *Pool) mechanism(m *module, r *reading, c Certificate) (mechanism, error) {
	offered, known := r.offered[c.Slot.ID]
	if !known {
		var err error
		if offered, err = m.driver.Mechanisms(c.Slot.ID); err != nil {
			return mechanism{}, err
		}
		m.setReading(r.withMechanisms(c.Slot.ID, offered))
	}
	how, ok := choose(c.X509.PublicKey, offered)
	if !ok {
		return mechanism{}, &Error{Op: "mechanisms", Path: m.path, Kind: ErrUnsupported}
	}
	return how, nil
}

// refusal says why the certificate does not sign, or nil.
func refusal(c Certificate) error {
	failed := func(op string, kind error) error { return &Error{Op: op, Path: c.Slot.Module, Kind: kind} }
	switch token := c.Slot.Token; {
	case c.Reason == KeyWithoutPIN:
		return failed("key of the certificate", ErrKeyWithoutPIN)
	case c.Reason == NoKey:
		return failed("key of the certificate", ErrNoKey)
	case c.Reason == KeyUnsupported:
		return failed("key of the certificate", ErrUnsupported)
	case c.Reason != Usable:
		return failed("certificate "+string(c.Reason), ErrUnusable)
	case token.PINLocked:
		return failed("token", ErrPINLocked)
	case token.PINNotSet:
		return failed("token", ErrPINNotSet)
	case token.PINExpired:
		// PKCS#11 v2.40, 3.2: a login would succeed, and every use of a key after it
		// fail with CKR_PIN_EXPIRED, until C_SetPIN.
		return failed("token", ErrPINExpired)
	}
	return nil
}

// findIn finds the certificate in one module's reading, with its reason as it is
// now.
func (p *Pool) findIn(r *reading, id string) (Certificate, error) {
	c, err := find(r.slots, r.certificates, id)
	if err == nil {
		c.Reason = p.reasonNow(c)
	}
	return c, err
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
