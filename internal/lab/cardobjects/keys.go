package cardobjects

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/asn1"
	"fmt"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
)

// Key is a private key to put on a card.
type Key struct {
	Key     crypto.Signer
	ID      []byte
	Open    bool // used without a PIN, and seen before it
	NotSign bool // CKA_SIGN is false
}

// PublicKey is a public key object to put on a card, which is seen before a login.
type PublicKey struct {
	Key crypto.PublicKey
	ID  []byte
}

// Empty takes everything from the card.
func (c *Card) Empty() error {
	if err := c.ctx.FindObjectsInit(c.session, nil); err != nil {
		return fmt.Errorf("cardobjects: %w", err)
	}
	objects, _, err := c.ctx.FindObjects(c.session, 100)
	if err != nil {
		return fmt.Errorf("cardobjects: %w", err)
	}
	if err := c.ctx.FindObjectsFinal(c.session); err != nil {
		return fmt.Errorf("cardobjects: %w", err)
	}
	for _, o := range objects {
		if err := c.ctx.DestroyObject(c.session, o); err != nil {
			return fmt.Errorf("cardobjects: %w", err)
		}
	}
	return nil
}

// PutKeys puts private keys on the card, without public keys beside them.
func (c *Card) PutKeys(list ...Key) error {
	for _, x := range list {
		own, err := democard.KeyAttributes(x.Key)
		if err != nil {
			return err
		}
		_, err = c.ctx.CreateObject(c.session, append([]*p11.Attribute{
			p11.NewAttribute(p11.CKA_CLASS, p11.CKO_PRIVATE_KEY), p11.NewAttribute(p11.CKA_TOKEN, true),
			p11.NewAttribute(p11.CKA_PRIVATE, !x.Open), p11.NewAttribute(p11.CKA_SIGN, !x.NotSign), p11.NewAttribute(p11.CKA_ID, x.ID),
		}, own...))
		if err != nil {
			return fmt.Errorf("cardobjects: %w", err)
		}
	}
	return nil
}

// PutPublicKeys puts public key objects on the card.
func (c *Card) PutPublicKeys(list ...PublicKey) error {
	for _, x := range list {
		attributes := []*p11.Attribute{
			p11.NewAttribute(p11.CKA_CLASS, p11.CKO_PUBLIC_KEY), p11.NewAttribute(p11.CKA_TOKEN, true), p11.NewAttribute(p11.CKA_PRIVATE, false),
			p11.NewAttribute(p11.CKA_ID, x.ID),
		}
		switch key := x.Key.(type) {
		case *rsa.PublicKey:
			attributes = append(attributes, p11.NewAttribute(p11.CKA_KEY_TYPE, p11.CKK_RSA), p11.NewAttribute(p11.CKA_MODULUS, key.N.Bytes()),
				p11.NewAttribute(p11.CKA_PUBLIC_EXPONENT, []byte{byte(key.E >> 16), byte(key.E >> 8), byte(key.E)}))
		case *ecdsa.PublicKey:
			params, err := democard.CurveName(key.Curve)
			if err != nil {
				return err
			}
			whole, err := key.Bytes()
			if err != nil {
				return err
			}
			point, err := asn1.Marshal(whole)
			if err != nil {
				return err
			}
			attributes = append(attributes, p11.NewAttribute(p11.CKA_KEY_TYPE, p11.CKK_EC), p11.NewAttribute(p11.CKA_EC_PARAMS, params), p11.NewAttribute(p11.CKA_EC_POINT, point))
		}
		if _, err := c.ctx.CreateObject(c.session, attributes); err != nil {
			return fmt.Errorf("cardobjects: %w", err)
		}
	}
	return nil
}
