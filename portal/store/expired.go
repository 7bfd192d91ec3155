package store

import (
	"context"
	"time"
)

// Expired is a kind of rows that are deleted some time after a moment that they state.
type Expired int

// The kinds of rows that expire, and the moment that counts.
const (
	SessionsSeen    Expired = iota // last used
	SessionsCreated                // begun
	UsedNonces                     // when the challenge expired
	PasswordTries                  // the last try
	SigningKeys                    // made
	AuditLog                       // when it happened
	DoneForms                      // until when it is remembered
)

// deletions go by an index each.
var deletions = map[Expired]string{
	SessionsSeen:    `DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE seen < $1 LIMIT $2 {skip})`,
	SessionsCreated: `DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE created < $1 LIMIT $2 {skip})`,
	UsedNonces:      `DELETE FROM used_nonces WHERE nonce IN (SELECT nonce FROM used_nonces WHERE until < $1 LIMIT $2 {skip})`,
	PasswordTries:   `DELETE FROM password_tries WHERE card IN (SELECT card FROM password_tries WHERE last < $1 LIMIT $2 {skip})`,
	DoneForms:       `DELETE FROM done WHERE session IN (SELECT session FROM done WHERE until < $1 LIMIT $2 {skip})`,
	AuditLog:        `DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 LIMIT $2 {skip})`,
	SigningKeys:     `DELETE FROM challenge_keys WHERE id IN (SELECT id FROM challenge_keys WHERE made < $1 LIMIT $2 {skip})`,
}

// Delete deletes at most so many rows of a kind whose moment was before then, and returns
// how many they were.
func (s *Store) Delete(ctx context.Context, what Expired, before time.Time, most int) (int, error) {
	n, err := s.write(ctx, deletions[what], before.Unix(), most)
	return int(n), err
}
