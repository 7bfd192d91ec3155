package language

import (
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/cpx-bridge/cpx-bridge/internal/remembered"
)

// Choice is the language that the person chose in the tray, stored in a small
// file. Its methods may be called concurrently, also by several processes. A nil
// *Choice stores nothing.
type Choice struct{ value *remembered.Value[chosen] }

type chosen struct {
	Lang string `json:"lang"`
}

// NewChoice stores the choice in the given state folder.
func NewChoice(stateDir string) *Choice {
	return &Choice{remembered.New(filepath.Join(stateDir, "language.json"), func(c chosen) error { return Check(c.Lang) })}
}

// Check refuses a language that is not one of the constants.
func Check(lang string) error {
	if !Known(lang) {
		return fmt.Errorf("%.20q is not a language of the agent", lang)
	}
	return nil
}

// Get returns the language chosen, "" where none was.
func (c *Choice) Get() (string, error) {
	if c == nil {
		return "", nil
	}
	got, err := c.value.Get()
	return got.Lang, err
}

// Set stores the language. It fails with remembered.ErrNowhere where c is nil.
func (c *Choice) Set(lang string) error {
	if c == nil {
		return remembered.ErrNowhere
	}
	return c.value.Set(chosen{lang})
}

// OfPerson returns the language for a person where no page names one. setting is
// the settings' language, "" for none, and fixed says whether the machine's policy
// sets it. Such a policy comes first, then the person's choice in the tray, then
// the person's settings, then the desktop. A choice that cannot be read is logged
// and ignored.
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
