package command

import (
	"io"

	"github.com/cpx-bridge/cpx-bridge/agent"
)

// language is the one that the person reads elsewhere too: see
// agent.PersonsLanguage; or the one asked for on the command line.
func language(p settings, stderr io.Writer) string {
	if p.asked != "" {
		return p.asked
	}
	dir, err := agent.StateDir()
	if err != nil {
		return agent.Language(p.Lang) // no home, so nothing was chosen
	}
	return agent.PersonsLanguage(p.Effective, agent.NewLanguageChoice(dir), logger(p, stderr))
}
