package agent

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// Names that moved and are still used by agent/command; this file goes with them.
type (
	Report            = state.State
	CardReport        = state.Cards
	CertificateReport = state.Certificate
	Choice            = cards.Choice
	Chosen            = cards.Chosen
)

const (
	French  = language.French
	English = language.English
)

var (
	ReportLook        = cards.Report
	NewChoice         = cards.NewChoice
	NewLanguageChoice = language.NewChoice
	Language          = language.Or
)

func Printable(text string) string                { return prompt.Visible(text) }
func Date(t time.Time, lang string) string        { return language.Date(t, lang) }
func ReasonText(r pkcs11.Reason, l string) string { return state.ReasonText(string(r), l) }
func PersonsLanguage(p *policy.Effective, c *language.Choice, log *slog.Logger) string {
	return language.OfPerson(p.Fixed("lang"), p.Lang, c, log)
}

// StateDir is $XDG_STATE_HOME/cpx-bridge, on Windows in LocalAppData.
func StateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "cpx-bridge"), nil
	}
	if dir := os.Getenv("LOCALAPPDATA"); dir != "" {
		return filepath.Join(dir, "CPxBridge"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("agent: no folder for the state: %w", err)
	}
	return filepath.Join(home, ".local", "state", "cpx-bridge"), nil
}
