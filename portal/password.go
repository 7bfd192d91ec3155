package portal

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of argon2id is OWASP's second recommendation (19 MiB, two passes),
// which a login page can afford many times a second.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	saltLength   = 16
	keyLength    = 32

	minPassword = 10
	maxPassword = 256
)

// ErrPasswordLength says how long a password must be.
var ErrPasswordLength = fmt.Errorf("a password has %d to %d characters", minPassword, maxPassword)

// hashPassword returns the hash in the PHC string form of argon2id.
func hashPassword(password string) (string, error) {
	if n := len([]rune(password)); n < minPassword || n > maxPassword {
		return "", ErrPasswordLength
	}
	salt := make([]byte, saltLength)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, keyLength)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key)), nil
}

var errHash = errors.New("portal: not a password hash of ours")

func checkPassword(hash, password string) (bool, error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, errHash
	}
	var version int
	var memory, time uint32
	var threads uint8
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads); err != nil {
		return false, errHash
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(password) > 4*maxPassword {
		return false, errors.Join(err1, err2)
	}
	got := argon2.IDKey([]byte(password), salt, time, memory, threads, keyLength)
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// decoy is the hash to check where the account does not exist, so that the answer
// takes as long and nobody learns which names exist.
var decoy = func() string {
	hash, err := hashPassword("no account has this password")
	if err != nil { // only where the system has no randomness
		panic(err)
	}
	return hash
}()
