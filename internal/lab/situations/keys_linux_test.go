package situations

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/cardobjects"
)

// keys are situations of a certificate and its key.
func keys() []situation {
	card := func(name string) func(t *testing.T) *world {
		return func(t *testing.T) *world { return newWorld(t, name) }
	}
	return []situation{
		{"no_key", card("no-key")},
		{"two_keys_with_one_id", card("two-keys")},
		{"key_with_another_id", card("other-id")},
		{"no_key_by_its_public_key", withObjects("cps", func(w *world, c *cardobjects.Card) error {
			if err := w.onlyCertificate(c, elliptic.P256()); err != nil {
				return err
			}
			other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				return err
			}
			return errors.Join(c.PutKeys(cardobjects.Key{Key: other, ID: []byte{1}}), c.PutPublicKeys(cardobjects.PublicKey{Key: other.Public(), ID: []byte{1}}))
		})},
		{"key_unsupported", withObjects("cps", func(w *world, c *cardobjects.Card) error {
			return w.onlyCertificate(c, elliptic.P224())
		})},
	}
}

// onlyCertificate leaves a certificate alone on the card, of a key on the curve.
func (w *world) onlyCertificate(c *cardobjects.Card, curve elliptic.Curve) error {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		return err
	}
	cert, err := w.pki.Intermediate.Issue(demopki.Leaf{
		Holder: demopki.NewHolder("CPS", 1), Usage: demopki.Authentication,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(3, 0, 0), PublicKey: key.Public(),
	})
	if err != nil {
		return err
	}
	return errors.Join(c.Empty(), c.Put(cardobjects.Certificate{DER: cert.Raw, ID: []byte{1}, Label: "TEST"}))
}
