package cards

import (
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// Fill puts what is known of the cards into a state. It never waits.
func (c *Cards) Fill(s *state.State) {
	read, _ := c.Pool.Snapshot()
	now, arriving := c.readers.without(read)
	chosen, _ := c.Choice.Get()
	known, err := c.readings.outcome()
	s.Cards = c.readers.report(read, c.Pool.Modules(), chosen)
	s.Reading = !known
	s.Failure = failure(err)
	s.Card, s.ReaderCount = c.stateOf(now), c.readers.count(read)
	s.Polled = !c.readers.followed(read)
	s.Arriving = arriving && (c.readings.busy() || c.readers.searching())
	if arriving && !s.Arriving && s.Card == state.CardAbsent {
		s.Card = state.CardPresent // in a reader, and no module knows it
	}
	for _, x := range now.Certificates {
		s.CardSession = s.CardSession || c.Pool.HasCardSession(x.ID)
	}
}

func failure(err error) *state.Failure {
	if err == nil {
		return nil
	}
	return &state.Failure{Reason: reasonOf(err), Detail: err.Error()}
}

// reasonOf is the name of an error of a module, as pages get it.
func reasonOf(err error) string {
	data := protocol.FromError(err).Data // every error of a module has some
	if data.Detail != "" {
		return data.Detail
	}
	return data.Reason
}

// Report says what one reading showed, without the readers that a module still
// names and PC/SC does not: for who reads the cards without an agent.
func Report(s pkcs11.Snapshot, modules []pkcs11.ModuleState, chosen Chosen, now pcsc.Event) state.Cards {
	var r readers
	r.observe(now)
	return r.report(s, modules, chosen)
}

func (r *readers) report(read pkcs11.Snapshot, modules []pkcs11.ModuleState, chosen Chosen) state.Cards {
	s := r.remaining(read)
	report := state.Cards{PCSC: r.service(), Modules: []state.Module{}, Readers: []state.Reader{}, Certificates: []state.Certificate{}}
	for _, m := range modules {
		report.Modules = append(report.Modules, moduleState(m))
	}
	for _, slot := range s.Slots {
		reader := state.Reader{Module: slot.Module, Name: slot.Description, Unknown: slot.Unrecognized && !slot.Contactless, Mute: slot.Mute, Contactless: slot.Contactless, Hidden: slot.Hidden}
		if slot.Failure != nil {
			reader.Error = slot.Failure.Error()
		}
		if slot.Token != nil {
			reader.Card, reader.PIN = slot.Token.Label, PINOf(slot.Token)
		}
		report.Readers = append(report.Readers, reader)
	}
	next, _ := chosen.Among(s)
	for _, c := range s.Certificates {
		x := certificateState(c)
		x.Chosen = c.ID == next.ID
		report.Certificates = append(report.Certificates, x)
	}
	return report
}

func moduleState(m pkcs11.ModuleState) state.Module {
	x := state.Module{Path: m.Path, Info: m.Info, Opening: m.Opening}
	if m.Err != nil {
		x.Error, x.Reason = m.Err.Error(), reasonOf(m.Err)
	}
	return x
}

func certificateState(c pkcs11.Certificate) state.Certificate {
	p := Person(c)
	x := state.Certificate{
		ID: c.ID, Holder: p.DisplayName(), Identifier: p.Identifier, Profession: cps.ProfessionIn(language.French, p.Profession), Kind: p.Kind,
		NotBefore: c.X509.NotBefore, NotAfter: c.X509.NotAfter, Reason: reasonNow(c), PIN: PINOf(c.Slot.Token), Reader: c.Slot.Description, Renew: EndsSoon(c),
	}
	if c.Slot.Token != nil {
		x.Card = c.Slot.Token.Label
	}
	x.Usable = x.Reason == state.ReasonUsable
	if x.Holder == "" { // nothing of it can be read
		x.Holder = c.Label
	}
	return x
}

// reasonNow is why no login can use the certificate now.
func reasonNow(c pkcs11.Certificate) string {
	if c.Reason != pkcs11.Usable {
		return string(c.Reason)
	}
	switch PINOf(c.Slot.Token) {
	case state.PINLocked:
		return state.ReasonPINLocked
	case state.PINNotSet:
		return state.ReasonPINNotSet
	case state.PINExpired:
		return state.ReasonPINExpired
	}
	return state.ReasonUsable
}

// PINOf is the worst that a card says of its PIN; nil is no card.
func PINOf(t *pkcs11.Token) state.PIN {
	switch {
	case t == nil:
		return state.PINGood
	case t.PINLocked && t.MaybeInUse:
		return state.PINLockedOrInUse
	case t.PINLocked:
		return state.PINLocked
	case t.PINNotSet:
		return state.PINNotSet
	case t.PINExpired:
		return state.PINExpired
	case t.PINFinalTry:
		return state.PINFinalTry
	case t.PINCountLow:
		return state.PINCountLow
	}
	return state.PINGood
}

// renewal is how long before its end a card says so: renewing one takes weeks.
const renewal = 60 * 24 * time.Hour

// EndsSoon reports that a usable certificate has to be renewed.
func EndsSoon(c pkcs11.Certificate) bool {
	return c.Reason == pkcs11.Usable && time.Until(c.X509.NotAfter) < renewal
}
