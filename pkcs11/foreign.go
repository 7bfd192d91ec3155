package pkcs11

import (
	"context"
	"slices"
	"strings"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// contactlessATR is what PC/SC gives for a CPS3 that is laid on a contactless reader.
const contactlessATR = "3b8f80010031b86404b0ecc1739401808290000e"

// contactlessLabel is in the label of such a card's token.
const contactlessLabel = "_CL"

// withForeignCard is the slot with what PC/SC says of a card in it that its module
// shows no token of. The vendor's module says of a card that it does not know that
// there is none, and only C_GetTokenInfo says what is so: a person must not be asked to
// insert a card that is in. With the lease held.
func (p *Pool) withForeignCard(m *module, slot Slot) Slot {
	if slot.Token != nil {
		return slot
	}
	card, err := p.cardOf(slot)
	if err != nil || !card.Present {
		return slot
	}
	if !slot.Unrecognized && !card.Mute {
		_, err := m.driver.TokenInfo(slot.ID)
		slot.Unrecognized = isCKR(err, p11.CKR_TOKEN_NOT_RECOGNIZED)
	}
	slot.Unrecognized = slot.Unrecognized || card.Mute
	slot.Mute = card.Mute
	slot.Contactless = slot.Unrecognized && card.ATR == contactlessATR
	return slot
}

// muteSlot is a slot of which the module can say nothing because the card in it does not
// answer: OpenSC fails in C_GetSlotInfo then, and does not even name the reader. It is
// the one with such a card that is no slot yet.
func (p *Pool) muteSlot(m *module, id uint, seen []Slot) (Slot, bool) {
	if m.driver.Gone() {
		return Slot{}, false
	}
	name, is := within(p, func() string { return p.muteReader(seen) })
	return Slot{Module: m.path, ID: id, Description: name, Hardware: true, Unrecognized: true, Mute: true}, is && name != ""
}

// muteReader is the name of a reader that none of the slots stands for and whose card does
// not answer, or empty.
func (p *Pool) muteReader(seen []Slot) string {
	readers, err := p.listReaders()
	if err != nil {
		return ""
	}
	var slots []string
	for _, slot := range seen {
		slots = append(slots, p.readerName(slot, seen))
	}
	for _, r := range readers {
		if !r.Present || slices.Contains(slots, r.Name) {
			continue
		}
		if card, err := p.cardIn(r.Name); err == nil && card.Mute {
			return r.Name
		}
	}
	return ""
}

// cardOf asks PC/SC for the card in the slot's reader, for a limited time.
func (p *Pool) cardOf(slot Slot) (pcsc.Card, error) {
	type answer struct {
		card pcsc.Card
		err  error
	}
	all := p.slotsOf(slot)
	a, ok := within(p, func() answer {
		card, err := p.cardIn(p.readerName(slot, all))
		return answer{card, err}
	})
	if !ok {
		return pcsc.Card{}, errPCSCOverdue
	}
	return a.card, a.err
}

// ifContactless is what was read of a card, as it is where that is laid on a contactless
// reader: it says that no PIN is set, and shows a technical key, which signs without
// one. The card's PIN is set all the same, and asked for where the card is put into a
// reader; none of it serves a login where it lies. With the lease held.
func (p *Pool) ifContactless(m *module, slot Slot, list []Certificate) (Slot, []Certificate) {
	if !slot.Token.PINNotSet || !p.isContactless(m, slot, list) {
		return slot, list
	}
	token := *slot.Token
	token.PINNotSet = false
	slot.Token, slot.Contactless = &token, true
	for i := range list {
		list[i].Slot, list[i].Reason = slot, KeyWithoutPIN
	}
	return slot, list
}

// isContactless goes by what a token without a PIN shows. A card on its contacts that
// has none yet wants a login all the same, and hides its keys.
func (p *Pool) isContactless(m *module, slot Slot, list []Certificate) bool {
	if !slot.Token.loginRequired || strings.Contains(slot.Token.Label, contactlessLabel) {
		return true
	}
	if card, err := p.cardOf(slot); err == nil && card.ATR == contactlessATR {
		return true
	}
	if len(list) == 0 {
		return false
	}
	session, err := p.openSession(m, slot)
	if err != nil {
		return false
	}
	defer m.driver.CloseSession(session)
	for _, c := range list {
		if reason, err := keyReason(m.driver, session, c); err != nil || reason != KeyWithoutPIN {
			return false
		}
	}
	return true
}

// openSession tries again where the module says that there is no card: just after a
// reset of the card by this pool the vendor's module may say so. It is tried again once
// the reader says that the card is there, and no sooner.
func (p *Pool) openSession(m *module, slot Slot) (p11.SessionHandle, error) {
	session, err := m.driver.OpenSession(slot.ID)
	for range sessionTries {
		if !isCKR(err, p11.CKR_TOKEN_NOT_PRESENT) || !p.cardComes(slot) {
			break
		}
		// The slot is asked first: a module may have kept what it saw of the reader.
		if _, infoErr := m.driver.SlotInfo(slot.ID); infoErr != nil {
			break
		}
		session, err = m.driver.OpenSession(slot.ID)
	}
	return session, err
}

// sessionTries is how often a session is tried again.
const sessionTries = 3

// cardComes waits for the reader to say that the card is there: not at all where this
// pool did not reset it just now. Where nobody knows the reader, the module's word is
// asked for again.
func (p *Pool) cardComes(slot Slot) bool {
	ctx, cancel := context.WithTimeout(context.Background(), settling)
	defer cancel()
	if !p.pins.settles(slot, p.now()) {
		card, err := p.cardOf(slot)
		return err != nil || card.Present
	}
	all := p.slotsOf(slot)
	_, ok := within(p, func() error { return p.awaitCard(ctx, p.readerName(slot, all)) })
	return ok && ctx.Err() == nil
}
