package language

import (
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/internal/remembered"
)

// Choice is the language that the person chose in the tray, kept in a small
// file. Its methods may be called concurrently, also by several processes. A nil
// *Choice remembers nothing.
type Choice struct{ value *remembered.Value[chosen] }

type chosen struct {
	Lang string `json:"lang"`
}

// NewChoice keeps the choice in the given state folder.
func NewChoice(stateDir string) *Choice {
	return &Choice{remembered.New(filepath.Join(stateDir, "language.json"), func(c chosen) error { return Check(c.Lang) })}
}

// Check refuses what is not one of the constants.
func Check(lang string) error {
	if !Known(lang) {
		return fmt.Errorf("%.20q is not a language of the agent", lang)
	}
	return nil
}

// Get returns the language, "" where none was chosen.
func (c *Choice) Get() (string, error) {
	if c == nil {
		return "", nil
	}
	got, err := c.value.Get()
	return got.Lang, err
}

// Set keeps the language; remembered.ErrNowhere where c is nil.
func (c *Choice) Set(lang string) error {
	if c == nil {
		return remembered.ErrNowhere
	}
	return c.value.Set(chosen{lang})
}

// OfPerson is the language that a person reads where a page names none. setting
// is the settings' language, "" for none, and fixed says that it is the machine's
// policy which sets it: that comes first, then what the person chose in the tray,
// then the person's settings, then the desktop. A choice that cannot be read is
// said in the log.
func OfPerson(fixed bool, setting string, choice *Choice, log *slog.Logger) string {
	if fixed {
		return Or(setting)
	}
	lang, err := choice.Get()
	if err != nil {
		log.Warn("the language chosen in the tray is not taken", "error", err)
	}
	if lang != "" {
		return lang
	}
	return Or(setting)
}
