package conformance

import (
	"context"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vcard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vreader"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// The ends of the names of readers of one kind, as pcscd counts them.
const firstReader, secondReader = " 00 00", " 01 00"

// longName is the reader's name made longer than 64 octets, its beginning kept: by that
// one module knows its readers.
func longName(reader, end string) string {
	return strings.TrimSuffix(reader, firstReader) + " [whose name is longer than sixty-four octets]" + end
}

// plugTwin plugs a reader of the same kind in, with another holder's card.
func (l *lab) plugTwin(reader string) (vcard.Card, error) {
	pki, err := testPKI()
	if err != nil {
		return nil, err
	}
	other, err := virtual.NewCard(pki.Intermediate, virtual.CardOptions{Type: l.kind, PIN: l.pin, Holder: demopki.NewHolder("CPS", 2)})
	if err != nil {
		return nil, err
	}
	r, err := l.station.Service().Plug(longName(reader, secondReader), vreader.ReaderOptions{})
	if err != nil {
		return nil, err
	}
	r.Insert(other)
	return other, nil
}

// lockedAfterwards logs in with each card, and after each login says whether one is
// open.
func lockedAfterwards(ctx context.Context, l *lab) string {
	if l.card == nil {
		return l.noReader(ctx)
	}
	s, err := l.pool.List(ctx)
	if err != nil {
		return outcome(err)
	}
	cards, logins := []vcard.Card{l.card}, 0
	if l.twin != nil {
		cards = append(cards, l.twin)
	}
	for _, c := range s.Certificates {
		if c.Reason != pkcs11.Usable {
			continue
		}
		logins++
		if _, err := l.pool.Sign(ctx, l.request(c, l.pin)); err != nil {
			return outcome(err)
		}
		for _, card := range cards {
			if card.PIN().Verified() {
				return "open"
			}
		}
	}
	if logins != len(cards) {
		return "not each card is seen"
	}
	return "locked"
}
