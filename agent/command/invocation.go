package command

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// invocation is one run of the command line: the settings in force, the reader's
// language, and where the command prints.
type invocation struct {
	Program
	*policy.Effective
	texts.Catalogue
	settingsErr error // why there are no settings
	paths       policy.Paths
	level       slog.LevelVar // of the log

	line           line
	lang           string
	json           bool // --json
	stdout, stderr io.Writer
	logged         bool // why the agent ends is in the log
}

// load reads the settings and chooses the language of the output. Where the
// settings are bad, the commands that need none work nevertheless.
func (s *invocation) load() {
	paths := policy.DefaultPaths()
	if s.line.config != "" {
		paths.User, paths.UserRequired = s.line.config, true
	} else if s.line.ofEverybody() {
		paths.User = ""
	}
	log := s.logger
	if s.line.needsNoSettings() {
		// Help and completion answer at once and say nothing else, whatever the
		// files are: a pipe would hold them up.
		log = func(io.Writer) *slog.Logger { return slog.New(slog.DiscardHandler) }
		if !isSmallFile(paths.User) {
			paths.User, paths.UserRequired = "", false
		}
	}
	s.paths = paths
	if s.Effective, s.settingsErr = policy.Load(paths); s.settingsErr != nil {
		s.Effective = policy.Rest(paths)
	}
	if s.line.ofEverybody() {
		s.Effective = s.OfEverybody()
	}
	s.level.Set(s.LogLevel())
	s.lang = s.line.lang
	if !language.Known(s.lang) {
		s.lang = s.personsLanguage(log(s.stderr))
	}
	s.Catalogue = texts.In(s.lang)
}

// personsLanguage is the language that the agent uses with the person elsewhere.
func (s *invocation) personsLanguage(log *slog.Logger) string {
	var choice *language.Choice
	if dir, err := dirs.State(); err == nil { // without a home, nothing was chosen
		choice = language.NewChoice(dir)
	}
	return language.OfPerson(s.Fixed("lang"), s.Lang, choice, log)
}

// maxSmallFile is more than any settings need.
const maxSmallFile = 1 << 20

// isSmallFile reports whether a file can be read at once; one that is missing can.
func isSmallFile(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Mode().IsRegular() && info.Size() <= maxSmallFile
}

// logger is the log that the settings ask for.
func (s *invocation) logger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: &s.level}))
}

// say prints a line of the command's answer.
func (s *invocation) say(text string) { fmt.Fprintln(s.stdout, text) }

// complain prints a line about what went wrong.
func (s *invocation) complain(text string) { fmt.Fprintln(s.stderr, "cpx-agent:", text) }

// warnRoot says, where root gives a command of one person's, whom it concerned: who
// administers a workstation over ssh would take root's desktop for everyone's. Windows has
// no such account.
func (s *invocation) warnRoot(command string) {
	if os.Geteuid() == 0 {
		s.complain(s.Text("command.own_of_root", command))
	}
}

// printJSON prints the command's answer for programs.
func (s *invocation) printJSON(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		_, err = fmt.Fprintln(s.stdout, visible.Escaped(string(text)))
	}
	return err
}

// detail is what IT support needs, to follow a text for the person; "" for nothing.
func (s *invocation) detail(text string) string {
	if text == "" {
		return ""
	}
	return " " + s.Text("command.detail", visible.Text(strings.TrimSpace(text)))
}
