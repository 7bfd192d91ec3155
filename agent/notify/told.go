package notify

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"time"
)

// told is what was told when, kept in a small file.
type told struct {
	Ready   time.Time            `json:"ready"`
	Cards   map[string]time.Time `json:"cards,omitempty"` // by certificate
	Keyring time.Time            `json:"keyring,omitzero"`
	Worked  bool                 `json:"worked,omitempty"` // it has, since that was told
}

const file = "notified.json"

// read is empty where nothing can be read: the worst is a note too many.
func read(dir string) told {
	var t told
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil || json.Unmarshal(text, &t) != nil {
		t = told{}
	}
	if t.Cards == nil {
		t.Cards = map[string]time.Time{}
	}
	return t
}

// write replaces the file in one step, and forgets cards that were told of long
// ago.
func (t told) write(dir string, now time.Time) error {
	maps.DeleteFunc(t.Cards, func(_ string, at time.Time) bool { return now.Sub(at) > 10*week })
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "notified-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(dir, file))
}
