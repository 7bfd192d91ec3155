package portal

import (
	"context"
	"crypto/rand"
	"math"
	"sync"
	"time"
)

// keyLife is how long one key signs new challenges.
const keyLife = 24 * time.Hour

// challengeStore is the challenges' part of the database, which all instances share:
// the keys that sign them, and the nonces that were used.
type challengeStore struct {
	store *store
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
	if now := c.now(); c.keys[c.newest] == nil || now.Sub(c.made) >= keyLife {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails
		_, err := c.store.db.ExecContext(ctx, `INSERT INTO challenge_keys (key, made) SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM challenge_keys WHERE made > ?3)`,
			key, now.Unix(), now.Add(-keyLife).Unix())
		if err != nil {
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
	rows, err := c.store.db.QueryContext(ctx, `SELECT id, key, made FROM challenge_keys WHERE id <= ? ORDER BY id`, math.MaxUint32)
	if err != nil {
		return err
	}
	defer rows.Close()
	keys, newest, latest := map[uint32][]byte{}, uint32(0), time.Time{}
	for rows.Next() {
		var number uint32
		var key []byte
		var made int64
		if err := rows.Scan(&number, &key, &made); err != nil {
			return err
		}
		keys[number] = key
		newest, latest = number, time.Unix(made, 0)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	c.keys, c.newest, c.made, c.loaded = keys, newest, latest, c.now()
	return nil
}

// Use remembers a nonce: the database takes each once.
func (c *challengeStore) Use(ctx context.Context, nonce string, until time.Time) (bool, error) {
	result, err := c.store.db.ExecContext(ctx, `INSERT INTO used_nonces (nonce, until) VALUES (?,?) ON CONFLICT DO NOTHING`, nonce, until.Unix()+1)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}
