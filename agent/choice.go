package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/cpx-bridge/cpx-bridge/pkcs11"
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

// Chosen is a certificate with whose card it is: a renewed card has another
// certificate and the same holder and kind.
type Chosen struct {
	Certificate string `json:"certificate"` // hex SHA-256
	Identifier  string `json:"identifier,omitempty"`
	Kind        string `json:"kind,omitempty"`
}

// ChosenOf is what is kept of a certificate.
func ChosenOf(c pkcs11.Certificate) Chosen {
	h := Holder(c, English)
	return Chosen{Certificate: c.ID, Identifier: h.Identifier, Kind: h.Kind}
}

// Among returns the chosen one of the certificates that a login may use: the
// very certificate, else the only one of the same holder and kind.
func (c Chosen) Among(s pkcs11.Snapshot) (pkcs11.Certificate, bool) {
	var same []pkcs11.Certificate
	for _, each := range usable(s) {
		other := ChosenOf(each)
		switch {
		case each.ID == c.Certificate:
			return each, true
		case c.Identifier != "" && other.Identifier == c.Identifier && other.Kind == c.Kind:
			same = append(same, each)
		}
	}
	if len(same) != 1 { // of two the person decides
		return pkcs11.Certificate{}, false
	}
	return same[0], true
}

var certificateID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Get returns what is chosen, the zero value where nothing is.
func (c *Choice) Get() (Chosen, error) {
	if c == nil {
		return Chosen{}, nil
	}
	text, err := os.ReadFile(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return Chosen{}, nil
	}
	if err != nil {
		return Chosen{}, err
	}
	var f Chosen
	if err := json.Unmarshal(text, &f); err != nil {
		return Chosen{}, fmt.Errorf("%s: %w", c.path, err)
	}
	if f.Certificate != "" && !certificateID.MatchString(f.Certificate) {
		return Chosen{}, fmt.Errorf("%s: not a certificate's SHA-256", c.path)
	}
	return f, nil
}

// Set chooses the certificate. The file is replaced in one step.
func (c *Choice) Set(chosen Chosen) error {
	if c == nil {
		return errors.New("agent: the choice is not kept")
	}
	if !certificateID.MatchString(chosen.Certificate) {
		return fmt.Errorf("agent: %q is not a certificate's SHA-256", chosen.Certificate)
	}
	return replaceFile(c.path, append(marshal(chosen), '\n'))
}

// replaceFile writes a small file of the state in one step, so that whoever
// reads it meanwhile sees the old or the new one.
func replaceFile(path string, content []byte) error {
	dir, name := filepath.Split(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, name+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
