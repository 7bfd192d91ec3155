package agent

import (
	"context"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
)

// settings are those in force now.
func (s *Server) settings() *policy.Effective { return s.inForce.Load() }

// SetPolicy makes other settings count while the agent serves: which sites may connect and
// use the card, ports and wss, pin.session, language. Modules, limits, dialogs and log are
// for who made them. A login that runs goes on under the old ones; sockets of sites that
// are refused now are closed. It does not wait.
func (s *Server) SetPolicy(ctx context.Context, e *policy.Effective) {
	s.inForce.Store(e)
	s.language.set(e, s.options.Logger)
	s.login.SetPolicy(ctx, e)
	s.gate.SetPolicy(e)
	s.pages.closeRefused()
	s.changes.Publish()
}

// BetweenLogins calls do while no login runs, and none begins before it returns: for what a
// login must not see change, such as its module.
func (s *Server) BetweenLogins(ctx context.Context, do func()) error { return s.login.Between(ctx, do) }

// SettingsRefused says why what the settings say now is not taken, nil that all of it is.
func (s *Server) SettingsRefused(err error) {
	if err == nil {
		s.settingsErr.Store(nil)
	} else {
		s.settingsErr.Store(&err)
	}
	s.changes.Publish()
}
