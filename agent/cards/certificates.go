package cards

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"sync"

	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/cps"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// Fitting are the certificates that fit a login, whatever their card says of its
// PIN.
func Fitting(s pkcs11.Snapshot) []pkcs11.Certificate {
	var fitting []pkcs11.Certificate
	for _, c := range s.Certificates {
		if c.Reason == pkcs11.Usable {
			fitting = append(fitting, c)
		}
	}
	return fitting
}

// NoneFits says why no certificate fits a login: with several reasons, the
// authentication certificate's, because that is the one the person means.
func NoneFits(s pkcs11.Snapshot) *protocol.Error {
	if len(s.Certificates) == 0 {
		return noneRead(s)
	}
	for _, r := range []pkcs11.Reason{pkcs11.Expired, pkcs11.NotYetValid, pkcs11.Unreadable, pkcs11.KeyUnsupported, pkcs11.NoKey, pkcs11.KeyWithoutPIN, pkcs11.NotForAuthentication} {
		for _, c := range s.Certificates {
			if c.Reason == r {
				return protocol.FailWith(protocol.CodeNoCertificate, string(r))
			}
		}
	}
	return protocol.Fail(protocol.CodeNoCertificate)
}

// noneRead says why no certificate was read of the cards that there are: what the
// person can mend comes first, because a badge may lie in the reader beside.
func noneRead(s pkcs11.Snapshot) *protocol.Error {
	for _, slot := range s.Slots {
		if slot.Contactless {
			return protocol.FailWith(protocol.CodeNoCertificate, string(pkcs11.KeyWithoutPIN))
		}
	}
	for _, slot := range s.Slots {
		if slot.Failure != nil { // of a card that is known
			return protocol.FromError(slot.Failure)
		}
	}
	if slices.ContainsFunc(s.Slots, func(slot pkcs11.Slot) bool { return slot.Hidden }) {
		return protocol.FailWith(protocol.CodeNoCertificate, protocol.DetailHidden)
	}
	for _, slot := range s.Slots {
		if slot.Mute {
			return protocol.FailWith(protocol.CodeCardUnsupported, protocol.DetailMute)
		}
	}
	return protocol.Fail(protocol.CodeCardUnsupported)
}

// Person is whom a certificate names. The demonstration's policies stand in an
// arc that no real card uses, so that knowing them costs nothing. The Attributes are shared,
// and not to be changed.
func Person(c pkcs11.Certificate) cps.Person {
	if c.X509 == nil {
		return cps.Person{}
	}
	return people.of(c.X509)
}

// people are those of the certificates seen lately: each login, each menu and each report asks
// for them anew, and to read one costs half as much as to check a signature. They are few: of who
// has taken their card away the agent need not know any more.
var people = named{most: 16}

type named struct {
	most  int // above it all are forgotten
	mu    sync.Mutex
	known map[[sha256.Size]byte]cps.Person
}

func (n *named) of(cert *x509.Certificate) cps.Person {
	key := sha256.Sum256(cert.Raw)
	n.mu.Lock()
	defer n.mu.Unlock()
	p, is := n.known[key]
	if !is {
		if n.known == nil || len(n.known) >= n.most {
			n.known = map[[sha256.Size]byte]cps.Person{}
		}
		p = cps.Parse(cert, cps.DemoRules())
		n.known[key] = p
	}
	return p
}

// Chosen is the certificate chosen beforehand among those that fit, where one of
// them is it. A choice that cannot be read is none, and logged.
func (c *Cards) Chosen(s pkcs11.Snapshot) (pkcs11.Certificate, bool) {
	chosen, err := c.Choice.Get()
	if err != nil {
		c.Logger.Warn("the choice of certificate cannot be read", "error", err)
	}
	return chosen.Among(s)
}

// errChosen closes the dialog of a choice that was made elsewhere.
var errChosen = errors.New("cards: the certificate was chosen elsewhere")

// WhileNotChosen gives a context for the dialog that asks which certificate: it
// ends when the person chooses one of the snapshot's elsewhere, in the menu or on
// the command line. chosen then returns that one. changes wakes when the choice
// may be another. The caller must call end.
func (c *Cards) WhileNotChosen(ctx context.Context, s pkcs11.Snapshot, changes <-chan struct{}) (dialog context.Context, chosen func() (pkcs11.Certificate, bool), end func()) {
	dialog, cancel := context.WithCancelCause(ctx)
	found := make(chan pkcs11.Certificate, 1)
	go func() {
		for {
			// An error was logged when the login began, and is not a choice.
			remembered, _ := c.Choice.Get()
			if x, ok := remembered.Among(s); ok {
				found <- x
				cancel(errChosen)
				return
			}
			select {
			case <-dialog.Done():
				return
			case <-changes:
			}
		}
	}()
	chosen = func() (pkcs11.Certificate, bool) {
		if !errors.Is(context.Cause(dialog), errChosen) {
			return pkcs11.Certificate{}, false
		}
		return <-found, true
	}
	return dialog, chosen, func() { cancel(nil) }
}

// Use chooses the certificate of the next logins, and of one that is asking for
// a choice now.
func (c *Cards) Use(id string) error {
	defer c.Changed()
	chosen := Chosen{Certificate: id}
	for _, x := range c.LastRead().Certificates {
		if x.ID == id {
			chosen = ChosenOf(x)
		}
	}
	return c.Choice.Set(chosen)
}
