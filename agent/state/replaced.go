package state

import (
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// Replaced is what the file of the agent's program has become since it was started.
type Replaced struct {
	Version string `json:"version,omitempty"` // of the program that is there; "": not known
	Removed bool   `json:"removed,omitempty"` // nothing is there
}

// maxVersion is longer than a version is, as people read it.
const maxVersion = 40

// ReplacedText says that another version is installed than runs, "" where that is not so.
func (s State) ReplacedText(lang string) string {
	say := texts.In(lang)
	switch {
	case s.Replaced == nil:
		return ""
	case s.Replaced.Removed:
		return say.Text("state.program_removed", s.Version)
	case s.Replaced.Version == "" || s.Replaced.Version == s.Version:
		return say.Text("state.program_replaced", s.Version)
	}
	return say.Text("state.version_replaced", s.Replaced.Short(), s.Version)
}

// Short is the version as people read it: a file may say anything.
func (r Replaced) Short() string {
	text := []rune(visible.Text(r.Version))
	return string(text[:min(len(text), maxVersion)])
}

// Why the agent is not started anew.
const (
	RestartInUse     = "in_use"    // a login runs
	RestartSame      = "same"      // the program that is installed is the one that runs
	RestartRemoved   = "removed"   // none is installed
	RestartUntrusted = "untrusted" // others may change the file
	RestartFails     = "fails"     // the program that is installed does not start
)

// RestartError says why the agent is not started anew. It goes on as it was.
type RestartError struct {
	Reason string
	Detail string // what the system or the new program said
}

func (e *RestartError) Error() string { return "state: no restart: " + e.Reason + InBrackets(e.Detail) }

// Text is the same for the person.
func (e *RestartError) Text(lang string) string {
	text, known := texts.In(lang).Code("state.restart", e.Reason)
	if !known {
		text, _ = texts.In(lang).Code("state.restart", RestartFails)
	}
	return text + visible.Text(oneLine.Replace(InBrackets(e.Detail)))
}
