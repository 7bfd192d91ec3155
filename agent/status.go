package agent

import (
	"context"

	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

type statusResult struct {
	Protocol int        `json:"protocol"`
	Agent    *agentName `json:"agent,omitempty"`
	Readers  *int       `json:"readers,omitempty"`
	Card     string     `json:"card,omitempty"`
}

type agentName struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// status tells an origin that is not allowed nothing but the protocol: neither
// version nor reader nor card.
func (s *Server) status(ctx context.Context, who caller) statusResult {
	result := statusResult{Protocol: 1}
	if !s.allowed(who.origin) {
		return result
	}
	snapshot, _ := s.cards.Snapshot()
	if !s.readers.tell(snapshot) {
		s.looks.refreshIfOlder(ctx, s.limits.Stale)
	}
	n := s.readers.count(snapshot)
	result.Agent = &agentName{Name: Name, Version: s.version}
	result.Readers, result.Card = &n, s.cardState(snapshot)
	return result
}

// cardState is present, absent, or unknown before the first look has ended.
func (s *Server) cardState(snapshot pkcs11.Snapshot) string {
	known, _ := s.looks.state()
	switch {
	case !known:
		return "unknown"
	case hasCard(snapshot):
		return "present"
	}
	return "absent"
}

func hasCard(s pkcs11.Snapshot) bool {
	for _, slot := range s.Slots {
		if slot.Token != nil || slot.Unrecognized {
			return true
		}
	}
	return false
}
