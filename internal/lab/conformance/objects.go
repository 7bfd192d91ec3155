package conformance

import (
	"context"
	"fmt"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/badcerts"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/cardobjects"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// fixedObjects is why a card cannot have the objects that a case puts on it.
const fixedObjects = "what is on the card is not the suite's to choose"

// objectCases are the rows about what stands on a card.
var objectCases = []testCase{
	{"300 certificates of CAs before the card's own", needs{objects: func(c *cardobjects.Card) error {
		list, err := cardobjects.Authorities(300)
		if err != nil {
			return err
		}
		return c.Put(list...)
	}}, func(ctx context.Context, l *lab) string {
		if !l.filled {
			return notApplicable + fixedObjects
		}
		return outcome(l.login(ctx, l.pin))
	}},
	{"a certificate that cannot be parsed", needs{objects: putUnreadable}, func(ctx context.Context, l *lab) string {
		if !l.filled {
			return notApplicable + fixedObjects
		}
		s, err := l.pool.List(ctx)
		if err != nil {
			return outcome(err)
		}
		n := 0
		for _, c := range s.Certificates {
			if c.Reason == pkcs11.Unreadable {
				n++
			}
		}
		return fmt.Sprintf("%s, %d unreadable", outcome(l.login(ctx, l.pin)), n)
	}},
	{"certificates that are private objects", needs{objects: (*cardobjects.Card).Hide}, func(ctx context.Context, l *lab) string {
		if !l.filled {
			return notApplicable + fixedObjects
		}
		s, err := l.pool.List(ctx)
		switch {
		case err != nil:
			return outcome(err)
		case len(s.Slots) == 1 && s.Slots[0].Hidden && len(s.Certificates) == 0:
			return "hidden"
		}
		return fmt.Sprintf("%d certificates", len(s.Certificates))
	}},
}

// putUnreadable puts one certificate with a negative serial on the card.
func putUnreadable(c *cardobjects.Card) error {
	pki, err := testPKI()
	if err != nil {
		return err
	}
	bad, err := badcerts.All(pki.Intermediate, pki.Intermediate.Key.Public())
	if err != nil {
		return err
	}
	return c.Put(cardobjects.Certificate{DER: bad[0].DER, ID: []byte{9}, Label: "TEST"})
}
