package agent

import (
	"log/slog"
	"sync/atomic"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

// currentLanguage is the language of menus, and of dialogs where the page names
// none.
type currentLanguage struct {
	lang   atomic.Pointer[string]
	fixed  atomic.Bool // the machine's policy sets it
	choice *language.Choice
}

func newLanguage(o Options) *currentLanguage {
	l := &currentLanguage{choice: o.Language}
	l.set(o.Policy, o.Logger)
	return l
}

func (l *currentLanguage) set(settings *policy.Effective, log *slog.Logger) {
	fixed := settings.Fixed("lang")
	lang := language.OfPerson(fixed, settings.Lang, l.choice, log)
	l.fixed.Store(fixed)
	l.lang.Store(&lang)
}

func (l *currentLanguage) current() string { return *l.lang.Load() }

// of is the page's language where the agent speaks it, else the person's.
func (l *currentLanguage) of(asked string) string {
	if lang := language.Match(asked); lang != "" {
		return lang
	}
	return l.current()
}

// SetLanguage changes the language at once, and remembers it.
// state.ErrLanguageFixed where the machine's policy sets it.
func (s *Server) SetLanguage(lang string) error {
	if s.language.fixed.Load() {
		return state.ErrLanguageFixed
	}
	if err := language.Check(lang); err != nil {
		return err
	}
	s.language.lang.Store(&lang) // also where it cannot be remembered: the person wants it now
	s.changes.Publish()
	return s.language.choice.Set(lang)
}
