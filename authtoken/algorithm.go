package authtoken

import (
	"crypto"

	"github.com/cpx-bridge/cpx-bridge/internal/jwa"
)

func lookup(name string) (jwa.Algorithm, error) {
	a, ok := jwa.Lookup(name)
	if !ok {
		return a, refuse(ReasonAlgorithmRefused, "unknown algorithm %.20q", name)
	}
	return a, nil
}

// lookupFor finds an algorithm by its name, and refuses one that does not fit the
// key.
func lookupFor(name string, key crypto.PublicKey) (jwa.Algorithm, error) {
	a, err := lookup(name)
	if err != nil {
		return a, err
	}
	if err := a.Fits(key); err != nil {
		return a, &Error{ReasonAlgorithmRefused, err}
	}
	return a, nil
}
