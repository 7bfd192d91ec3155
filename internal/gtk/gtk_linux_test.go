package gtk

import (
	"errors"
	"sync"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// TestLoadTwice: whoever asks again, with or without the panel's library, and at the same time,
// finds it loaded.
func TestLoadTwice(t *testing.T) {
	if _, missing := errors.AsType[*MissingError](Load(false)); missing {
		need.Lacks(t, "GTK")
	}
	var all sync.WaitGroup
	for _, panel := range []bool{false, true, false, true} {
		all.Go(func() {
			if err := Load(panel); err != nil {
				t.Error(panel, err)
			}
		})
	}
	all.Wait()
}
