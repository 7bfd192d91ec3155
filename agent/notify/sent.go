package notify

import (
	"maps"
	"path/filepath"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/remembered"
)

// sent records when each notification was sent, in a small file.
type sent struct {
	Ready   time.Time            `json:"ready"`
	Cards   map[string]time.Time `json:"cards,omitempty"` // by certificate
	Keyring time.Time            `json:"keyring,omitzero"`
	Worked  bool                 `json:"worked,omitempty"` // the keyring has worked since
}

const file = "notified.json"

func value(dir string) *remembered.Value[sent] {
	return remembered.New[sent](filepath.Join(dir, file), nil)
}

// read is empty where nothing can be read: the worst effect is a repeated note.
func read(dir string) sent {
	t, _ := value(dir).Get()
	if t.Cards == nil {
		t.Cards = map[string]time.Time{}
	}
	return t
}

// write saves the record without cards notified of long ago.
func (t sent) write(dir string, now time.Time) error {
	maps.DeleteFunc(t.Cards, func(_ string, at time.Time) bool { return now.Sub(at) > 10*week })
	return value(dir).Set(t)
}
