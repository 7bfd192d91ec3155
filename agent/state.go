package agent

import (
	"context"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// State is what the tray shows.
type State struct {
	Lang         string
	Readers      int
	Card         string // present, absent or unknown
	Err          error  // why the cards cannot be read, or nil
	WSSRenew     bool   // the certificate of wss ends soon: `cpx-agent wss install` makes a new one
	Certificates []CertificateState
}

// CertificateState is one certificate in the menu.
type CertificateState struct {
	ID     string
	Holder prompt.Holder
	Reason pkcs11.Reason // why it is not usable, or pkcs11.Usable
	Chosen bool
}

// State never waits for a module.
func (s *Server) State() State {
	snapshot, _ := s.cards.Snapshot()
	_, err := s.looks.state()
	state := State{Lang: Language(s.policy.Lang), Readers: s.readers.count(snapshot), Card: s.cardState(snapshot), Err: err, WSSRenew: s.wss.renew(s.now())}
	chosen, _ := s.choice.Get()
	use, _ := chosen.Among(snapshot)
	for _, c := range snapshot.Certificates {
		state.Certificates = append(state.Certificates, CertificateState{
			ID: c.ID, Holder: Holder(c, state.Lang), Reason: c.Reason, Chosen: c.ID == use.ID,
		})
	}
	return state
}

// Use chooses the certificate of the next logins.
func (s *Server) Use(id string) error {
	defer s.changes.tell()
	snapshot, _ := s.cards.Snapshot()
	for _, c := range snapshot.Certificates {
		if c.ID == id {
			return s.choice.Set(ChosenOf(c))
		}
	}
	return s.choice.Set(Chosen{Certificate: id})
}

// Refresh looks at the cards once, in the background.
func (s *Server) Refresh(ctx context.Context) { s.looks.refresh(ctx) }

// Changes returns a channel that gets a value when the state has changed, until
// ctx ends. A reader that is slow misses none: it finds one value waiting.
func (s *Server) Changes(ctx context.Context) <-chan struct{} { return s.changes.listen(ctx) }
