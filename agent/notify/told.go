package notify

import (
	"maps"
	"path/filepath"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/remembered"
)

// told is what was told when, kept in a small file.
type told struct {
	Ready   time.Time            `json:"ready"`
	Cards   map[string]time.Time `json:"cards,omitempty"` // by certificate
	Keyring time.Time            `json:"keyring,omitzero"`
	Worked  bool                 `json:"worked,omitempty"` // it has, since that was told
}

const file = "notified.json"

func value(dir string) *remembered.Value[told] {
	return remembered.New[told](filepath.Join(dir, file), nil)
}

// read is empty where nothing can be read: the worst is a note too many.
func read(dir string) told {
	t, _ := value(dir).Get()
	if t.Cards == nil {
		t.Cards = map[string]time.Time{}
	}
	return t
}

// write forgets cards that were told of long ago.
func (t told) write(dir string, now time.Time) error {
	maps.DeleteFunc(t.Cards, func(_ string, at time.Time) bool { return now.Sub(at) > 10*week })
	return value(dir).Set(t)
}
