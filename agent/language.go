package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
)

// ErrLanguageFixed says that the machine's policy sets the language.
var ErrLanguageFixed = errors.New("agent: the machine's policy sets the language")

// LanguageChoice is the language that the person chose in the tray, kept in a
// small file. Its methods may be called concurrently.
type LanguageChoice struct{ path string }

// NewLanguageChoice keeps the choice in the given state folder.
func NewLanguageChoice(stateDir string) *LanguageChoice {
	return &LanguageChoice{path: filepath.Join(stateDir, "language.json")}
}

type languageFile struct {
	Lang string `json:"lang"`
}

// Get returns the language, "" where none was chosen.
func (c *LanguageChoice) Get() (string, error) {
	if c == nil {
		return "", nil
	}
	text, err := os.ReadFile(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var f languageFile
	if err := json.Unmarshal(text, &f); err != nil {
		return "", fmt.Errorf("%s: %w", c.path, err)
	}
	if f.Lang != French && f.Lang != English {
		return "", fmt.Errorf("%s: %.20q is not a language of the agent", c.path, f.Lang)
	}
	return f.Lang, nil
}

// Set keeps the language.
func (c *LanguageChoice) Set(lang string) error {
	if c == nil {
		return errors.New("agent: the language is not kept")
	}
	if lang != French && lang != English {
		return fmt.Errorf("agent: %.20q is not a language of the agent", lang)
	}
	return replaceFile(c.path, append(marshal(languageFile{lang}), '\n'))
}

// PersonsLanguage is the language that people read where a page names none: the
// machine's policy, then what the person chose in the tray, then the person's
// settings, then the desktop. A choice that cannot be read is said in the log.
func PersonsLanguage(p *policy.Effective, chosen *LanguageChoice, log *slog.Logger) string {
	if p.Fixed("lang") {
		return Language(p.Lang)
	}
	lang, err := chosen.Get()
	if err != nil {
		log.Warn("the language chosen in the tray is not taken", "error", err)
	}
	if lang != "" {
		return lang
	}
	return Language(p.Lang)
}

// Language is the language of menus, and of dialogs where the page names none.
func (s *Server) Language() string { return *s.lang.Load() }

// SetLanguage changes the language at once, and keeps it. ErrLanguageFixed where
// the machine's policy sets it.
func (s *Server) SetLanguage(lang string) error {
	if s.policy.Fixed("lang") {
		return ErrLanguageFixed
	}
	if lang != French && lang != English {
		return fmt.Errorf("agent: %.20q is not a language of the agent", lang)
	}
	s.lang.Store(&lang) // also where it cannot be kept: the person wants it now
	s.changes.tell()
	return s.keptLang.Set(lang)
}
