package stack

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ReachAgent writes a script that runs a command of cpx-agent for the stack's agent, and
// returns its path as a shell takes it. A person has no other way to that agent: its
// folders and settings are the stack's, and cpx-agent itself would look for their own.
func (s *Stack) ReachAgent() (string, error) {
	var set []string
	for key, value := range s.set() {
		set = append(set, "export "+key+"="+ShellWord(value))
	}
	slices.Sort(set)
	file := s.Path("cpx-agent")
	text := "#!/bin/sh\n# cpx-agent for the agent that `make run` started.\n" + strings.Join(set, "\n") +
		"\nexec " + ShellWord(filepath.Join(s.bin, "cpx-agent")) + ` "$@" --config ` + ShellWord(s.Path("agent.toml")) + "\n"
	return ShellWord(file), os.WriteFile(file, []byte(text), 0o700)
}

// shellPlain are the characters that no shell takes for anything else.
const shellPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%"

// ShellWord is a text as one word of a shell's line.
func ShellWord(text string) string {
	if text != "" && strings.Trim(text, shellPlain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
