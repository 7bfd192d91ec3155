package main

import (
	"io"

	"github.com/cpx-bridge/cpx-bridge/agent"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
)

// language is the one that the person reads elsewhere too: see
// agent.PersonsLanguage.
func language(p *policy.Effective, stderr io.Writer) string {
	dir, err := agent.StateDir()
	if err != nil {
		return agent.Language(p.Lang) // no home, so nothing was chosen
	}
	return agent.PersonsLanguage(p, agent.NewLanguageChoice(dir), logger(p, stderr))
}
