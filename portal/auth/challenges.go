package auth

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// KeyLife is how long one key signs new challenges.
const KeyLife = 24 * time.Hour

// challengeStore is the challenges' part of the database, which all instances share:
// the keys that sign them, and the nonces that were used.
type challengeStore struct {
	store *store.Store
	now   func() time.Time

	mu     sync.Mutex
	keys   map[uint32][]byte
	newest uint32
	made   time.Time // the newest one
	loaded time.Time
}

// SigningKey returns the newest key. The first instance that finds it too old makes
// another; the answer to a stranger writes nothing else, ever.
func (c *challengeStore) SigningKey(ctx context.Context) (number uint32, key []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); c.keys[c.newest] == nil || now.Sub(c.made) >= KeyLife {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails
		if err := c.store.AddSigningKey(ctx, key, now, now.Add(-KeyLife)); err != nil {
			return 0, nil, err
		}
		if err := c.load(ctx); err != nil {
			return 0, nil, err
		}
	}
	return c.newest, c.keys[c.newest], nil
}

// Key returns a key by its number. Another instance may have made one since.
func (c *challengeStore) Key(ctx context.Context, number uint32) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// At most once a second: whoever forges numbers asks the database no more often.
	if since := c.now().Sub(c.loaded); number > c.newest && (since < 0 || since >= time.Second) {
		if err := c.load(ctx); err != nil {
			return nil, err
		}
	}
	return c.keys[number], nil
}

func (c *challengeStore) load(ctx context.Context) error {
	list, err := c.store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	c.keys, c.newest, c.made, c.loaded = map[uint32][]byte{}, 0, time.Time{}, c.now()
	for _, k := range list {
		c.keys[k.Number] = k.Key
		c.newest, c.made = k.Number, k.Made
	}
	return nil
}

// Use remembers a nonce: the database takes each once.
func (c *challengeStore) Use(ctx context.Context, nonce string, until time.Time) (bool, error) {
	return c.store.UseNonce(ctx, nonce, until)
}
