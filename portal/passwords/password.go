// Package passwords hashes and checks passwords, bounds what that costs, and slows down who
// guesses. Its types may be used concurrently. It never stores or logs a password.
package passwords

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
)

// cost of argon2id is OWASP's second recommendation (19 MiB, two passes), which a login page
// can afford many times a second.
var cost = argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// The characters that a password has.
const (
	MinLength = 10
	MaxLength = 256
)

// ErrLength says how long a password must be.
var ErrLength = fmt.Errorf("a password has %d to %d characters", MinLength, MaxLength)

// Hash returns the hash in the PHC string form of argon2id.
func Hash(password string) (string, error) {
	if n := utf8.RuneCountInString(password); n < MinLength || n > MaxLength {
		return "", ErrLength
	}
	return argon2id.CreateHash(password, &cost)
}

var errHash = errors.New("portal: not a password hash of ours")

// check reports whether the hash is the password's, and whether it is one of another cost than
// today's.
func check(hash, password string) (good, outdated bool, err error) {
	if len(password) > 4*MaxLength {
		return false, false, nil
	}
	good, of, err := argon2id.CheckHash(password, hash)
	if err != nil {
		return false, false, fmt.Errorf("%w: %w", errHash, err)
	}
	return good, *of != cost, nil
}

// Decoy is the hash to check where the account does not exist, so that the answer
// takes as long and nobody learns which names exist.
var Decoy = func() string {
	hash, err := Hash("no account has this password")
	if err != nil { // only where the system has no randomness
		panic(err)
	}
	return hash
}()
