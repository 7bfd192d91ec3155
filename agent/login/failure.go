package login

import (
	"slices"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
)

// maxFailures is of how many failures a person is still told: a hotline asks about the
// last, and what was tried before.
const maxFailures = 5

// failures are the last ones that a person may call a hotline about, the newest first. The
// zero value is ready.
type failures struct {
	mu   sync.Mutex
	last []state.LoginFailure
}

func (f *failures) add(one state.LoginFailure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = slices.Insert(f.last, 0, one)
	f.last = f.last[:min(len(f.last), maxFailures)]
}

// Failures are the last logins that failed, the newest first: none that the person ended,
// nor one that was turned away before anybody was asked, of which a site can cause as many
// as it likes.
func (s *Service) Failures() []state.LoginFailure {
	s.failures.mu.Lock()
	defer s.failures.mu.Unlock()
	return slices.Clone(s.failures.last)
}

// Failed ends a login that begun then and has no token: what its page gets, with a
// reference, and the one line of the log that bears it. It is called once for each.
func (s *Service) Failed(c peer.Caller, begun time.Time, err error) *protocol.Error {
	wire := protocol.FromError(err).WithReference(reference.New())
	why := wire.Data // in the words that the page is told
	log := s.logOf(c, begun).With("code", wire.Code, "reason", why.Reason)
	if why.Detail != "" {
		log = log.With("detail", why.Detail)
	}
	log.Info("login failed", "error", err, reference.Key, why.Reference, audit.Failed)
	switch wire.Code {
	case protocol.CodeCancelled, protocol.CodeConsentDenied, protocol.CodeBusy:
		return wire
	}
	s.failures.add(state.LoginFailure{Time: s.Now(), Code: wire.Code, Reason: why.Reason, Detail: why.Detail, Reference: why.Reference})
	s.Changes.Publish()
	return wire
}
