package agent

import (
	"context"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// State is what the tray shows.
type State struct {
	Version   string
	Lang      string
	LangFixed bool // the machine's policy sets it

	Readers      int
	Card         string // present, absent or unknown
	Reading      bool   // a card is in a reader and not read yet
	Polled       bool   // no event tells of some slot: the person may want to look anew
	Err          error  // why the cards cannot be read, or nil
	WSSRenew     bool   // the certificate of wss ends soon: `cpx-agent wss install` makes a new one
	Certificates []CertificateState

	InUse      bool // a login has its turn
	PINSession bool // a card is kept unlocked

	Listed   []string     // origins that the settings allow
	Sites    []sites.Site // that the person always allows
	SitesErr error        // why no site can be remembered, or nil

	Warnings []policy.Warning // settings that were not taken
}

// CertificateState is one certificate in the menu.
type CertificateState struct {
	ID     string
	Holder prompt.Holder
	Reason pkcs11.Reason // why it is not usable, or pkcs11.Usable
	Chosen bool
	Tries  Tries // of its card's PIN, when it was last read
}

// Tries says how a card's PIN stands.
type Tries string

// How a PIN may stand, the worst last.
const (
	TriesPlenty Tries = ""
	TriesFew    Tries = "few"  // a wrong one was typed
	TriesLast   Tries = "last" // one is left
	TriesUnset  Tries = "unset"
	TriesNone   Tries = "none" // the PIN is locked
)

func triesOf(t *pkcs11.Token) Tries {
	switch {
	case t == nil:
		return TriesPlenty
	case t.PINLocked:
		return TriesNone
	case t.PINNotSet:
		return TriesUnset
	case t.PINFinalTry:
		return TriesLast
	case t.PINCountLow:
		return TriesFew
	}
	return TriesPlenty
}

// State is a snapshot: it never waits for a module, nor for the keyring.
func (s *Server) State() State {
	read, _ := s.cards.Snapshot()
	snapshot, waiting := s.readers.overlay(read)
	_, err := s.looks.state()
	state := State{
		Version: s.version, Lang: s.Language(), LangFixed: s.policy.Fixed("lang"),
		Readers: s.readers.count(read), Card: s.cardState(snapshot), Err: err,
		Reading: waiting && (s.looks.busy() || s.readers.unsettled()), Polled: !s.readers.tell(read),
		WSSRenew: s.wss.renew(s.now()), InUse: s.queue.taken(), Listed: s.policy.Origins.Allow, Warnings: s.policy.Warnings,
	}
	if waiting && !state.Reading && state.Card == "absent" {
		state.Card = "present" // in a reader, and no module knows it
	}
	state.Sites, state.SitesErr = s.Sites()
	chosen, _ := s.choice.Get()
	use, _ := chosen.Among(snapshot)
	for _, c := range snapshot.Certificates {
		state.Certificates = append(state.Certificates, CertificateState{
			ID: c.ID, Holder: Holder(c, state.Lang), Reason: c.Reason, Chosen: c.ID == use.ID, Tries: triesOf(c.Slot.Token),
		})
		state.PINSession = state.PINSession || s.cards.HasCardSession(c.ID)
	}
	return state
}

// Use chooses the certificate of the next logins, and of one that is asking for
// a choice now.
func (s *Server) Use(id string) error {
	defer s.changes.tell()
	snapshot, _ := s.cards.Snapshot()
	chosen := Chosen{Certificate: id}
	for _, c := range snapshot.Certificates {
		if c.ID == id {
			chosen = ChosenOf(c)
		}
	}
	return s.choice.Set(chosen)
}

// LockCards ends every login that is kept. A signature that is being made runs
// to its end first.
func (s *Server) LockCards(ctx context.Context) error { return s.lock(ctx, "the person asked for it") }

// Refresh looks at the cards once, in the background.
func (s *Server) Refresh(ctx context.Context) { s.looks.refresh(ctx) }

// Changes returns a channel that gets a value when the state has changed, until
// ctx ends. A reader that is slow misses none: it finds one value waiting.
func (s *Server) Changes(ctx context.Context) <-chan struct{} { return s.changes.listen(ctx) }
