package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// Choice is the certificate that the next logins use, kept in a small file so
// that the command line and a running agent share it. Its methods may be called
// concurrently, also by several processes.
type Choice struct{ path string }

// NewChoice keeps the choice in the given state folder.
func NewChoice(stateDir string) *Choice {
	return &Choice{path: filepath.Join(stateDir, "choice.json")}
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

type choiceFile struct {
	Certificate string `json:"certificate"` // hex SHA-256
}

var certificateID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Get returns the chosen certificate's ID, "" where none is chosen.
func (c *Choice) Get() (string, error) {
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
	var f choiceFile
	if err := json.Unmarshal(text, &f); err != nil {
		return "", fmt.Errorf("%s: %w", c.path, err)
	}
	if f.Certificate != "" && !certificateID.MatchString(f.Certificate) {
		return "", fmt.Errorf("%s: not a certificate's SHA-256", c.path)
	}
	return f.Certificate, nil
}

// Set chooses the certificate. The file is replaced in one step.
func (c *Choice) Set(id string) error {
	if c == nil {
		return errors.New("agent: the choice is not kept")
	}
	if !certificateID.MatchString(id) {
		return fmt.Errorf("agent: %q is not a certificate's SHA-256", id)
	}
	dir := filepath.Dir(c.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "choice-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(marshal(choiceFile{Certificate: id}), '\n'))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), c.path)
}
