package store

import (
	"context"
	"math"
	"time"
)

// SigningKey is one of the keys that sign challenges, shared by all instances.
type SigningKey struct {
	Number uint32
	Key    []byte
	Made   time.Time
}

// AddSigningKey adds a key, unless one was made since then.
func (s *Store) AddSigningKey(ctx context.Context, key []byte, now, since time.Time) error {
	return s.together(ctx, func(q querier) error {
		if s.postgres { // which would let two that find none add one each
			if _, err := q.exec(ctx, `SELECT pg_advisory_xact_lock($1)`, lockKeys); err != nil {
				return err
			}
		}
		var n int
		if err := q.row(ctx, `SELECT COUNT(*) FROM challenge_keys WHERE made > $1`, since.Unix()).Scan(&n); err != nil || n > 0 {
			return err
		}
		_, err := q.exec(ctx, `INSERT INTO challenge_keys (key, made) VALUES ($1, $2)`, key, now.Unix())
		return err
	})
}

// SigningKeys returns all keys, the newest last.
func (s *Store) SigningKeys(ctx context.Context) ([]SigningKey, error) {
	var keys []SigningKey
	err := s.q().each(ctx, func(scan func(...any) error) error {
		var k SigningKey
		var made int64
		err := scan(&k.Number, &k.Key, &made)
		k.Made = time.Unix(made, 0)
		keys = append(keys, k)
		return err
	}, `SELECT id, key, made FROM challenge_keys WHERE id <= $1 ORDER BY id`, math.MaxUint32)
	return keys, err
}

// UseNonce remembers a nonce until then, and reports whether it was new: the database takes
// each once.
func (s *Store) UseNonce(ctx context.Context, nonce string, until time.Time) (bool, error) {
	n, err := s.write(ctx, `INSERT INTO used_nonces (nonce, until) VALUES ($1,$2) ON CONFLICT DO NOTHING`, nonce, until.Unix()+1)
	return n == 1, err
}
