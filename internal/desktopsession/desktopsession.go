// Package desktopsession distinguishes the desktop sessions of one account, which a person has
// several of who is logged in twice, and several people who share an account.
//
// Its functions may be called from any goroutine. They never guess: Relation says so where the
// system does not distinguish two sessions. What they read of a process, the account's other
// programs could have written: it decides on whose screen a question appears, and keeps no
// program off.
package desktopsession

import (
	"slices"
	"strings"
)

// Session is what is known of a process's desktop session. The zero value is nothing.
type Session struct {
	scope   string   // logind's session, by its name; "": not in one
	login   string   // the audit subsystem's number of the login; "": none, or not this session's alone
	screens []string // where its windows appear: X displays and Wayland sockets
	read    bool     // the screens are known, be they none
	ssh     bool     // the process came by ssh
}

// Relation is how two processes of one account stand to each other.
type Relation int

const (
	// Unknown: the system does not say.
	Unknown Relation = iota
	// Same: one desktop session, or one screen.
	Same
	// Other: two sessions, each with its screen.
	Other
	// Apart: two screens; whether of one session, as with a screen in a window, nobody says.
	Apart
	// Offscreen: one of them has no screen.
	Offscreen
)

// Relation compares two sessions.
func (s Session) Relation(o Session) Relation {
	switch {
	case s.scope != "" && s.scope == o.scope, shared(s.screens, o.screens):
		return Same
	case s.read && len(s.screens) == 0, o.read && len(o.screens) == 0:
		return Offscreen
	case s.scope != "" && o.scope != "", s.login != "" && o.login != "" && s.login != o.login:
		return Other
	case s.read && o.read:
		return Apart
	}
	return Unknown
}

// HasScreen reports whether questions of such a process appear on a screen that is known.
func (s Session) HasScreen() bool { return len(s.screens) > 0 }

// Forwarded reports whether the screen is one that ssh brings along (ssh -X): it is on the
// computer from which the person came, and names no session of this one. X terminals have
// such names too, whose sessions do not come by ssh.
func (s Session) Forwarded() bool {
	return s.ssh && len(s.screens) > 0 && !strings.HasPrefix(s.screens[0], ":") && !strings.HasPrefix(s.screens[0], "/")
}

// Name is the session as the system numbers it, "" where that is not known.
func (s Session) Name() string {
	if s.scope != "" {
		return s.scope
	}
	return s.login
}

// Screens are where its windows appear, to be handed to WithScreens in another process.
func (s Session) Screens() []string { return slices.Clone(s.screens) }

// WithScreens is a session whose process said itself where its windows appear, because others
// cannot read it.
func (s Session) WithScreens(list []string) Session {
	s.screens, s.read = slices.Clone(list), true
	return s
}

// String is for the log: nothing in it is a person's.
func (s Session) String() string {
	var parts []string
	for _, of := range []struct{ name, value string }{{"session ", s.scope}, {"login ", s.login}, {"screen ", strings.Join(s.screens, " ")}} {
		if of.value != "" {
			parts = append(parts, of.name+of.value)
		}
	}
	if len(parts) == 0 {
		return "unknown"
	}
	return strings.Join(parts, ", ")
}

func shared(a, b []string) bool {
	return slices.ContainsFunc(a, func(screen string) bool { return slices.Contains(b, screen) })
}
