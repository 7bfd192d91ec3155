package revocation

import (
	"context"
	"testing"
	"time"
)

// hung is a store that does not answer before whoever asks gives up, as a database does
// whose network is cut.
type hung struct {
	Store
	load, save bool
}

func (h hung) Load(ctx context.Context, address, known string) (Stored, error) {
	if h.load {
		<-ctx.Done()
		return Stored{}, ctx.Err()
	}
	return h.Store.Load(ctx, address, known)
}

func (h hung) Save(ctx context.Context, address string, s Stored) error {
	if h.save {
		<-ctx.Done()
		return ctx.Err()
	}
	return h.Store.Save(ctx, address, s)
}

// A store that hangs costs time and a fetch, and no login.
func TestHungStore(t *testing.T) {
	for name, store := range map[string]hung{"as it is read": {noStore{}, true, false}, "as it is written": {noStore{}, false, true}, "always": {noStore{}, true, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.checker(func(o *Options) { o.Store, o.Wait, o.FetchTimeout = store, 8*time.Second, 20*time.Second })
			if err := c.Check(t.Context(), w.card(), w.now); err != nil {
				t.Error(err)
			}
		})
	}
}
