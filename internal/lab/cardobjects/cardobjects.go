// Package cardobjects puts certificates on a demonstration card that no
// demonstration needs: several hundred, private ones, ones that nobody can read.
//
// It is for one caller at a time, as package democard is. It never touches tokens
// outside the caller's folder.
package cardobjects

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
)

// Certificate is an object to put on a card.
type Certificate struct {
	DER     []byte
	ID      []byte
	Label   string
	Private bool // shown after a login only
}

// Card is an open card: a SoftHSM token of the folder dir.
type Card struct {
	ctx     *p11.Ctx
	session p11.SessionHandle
}

// Open logs in to the card of the folder.
func Open(dir, card string) (*Card, error) {
	cards, err := democard.Load(dir)
	if err != nil {
		return nil, err
	}
	for _, c := range cards {
		if c.Name == card {
			return open(dir, c)
		}
	}
	return nil, fmt.Errorf("cardobjects: no card %q in %s", card, dir)
}

func open(dir string, card democard.Card) (*Card, error) {
	if err := os.Setenv("SOFTHSM2_CONF", filepath.Join(dir, "softhsm2.conf")); err != nil {
		return nil, err
	}
	c := &Card{ctx: p11.New(card.Module)}
	if c.ctx == nil {
		return nil, fmt.Errorf("cardobjects: %s is no module", card.Module)
	}
	err := c.ctx.Initialize()
	if err == nil {
		err = c.logIn(card)
	}
	if err != nil {
		c.ctx.Destroy()
		return nil, fmt.Errorf("cardobjects: %w", err)
	}
	return c, nil
}

func (c *Card) logIn(card democard.Card) error {
	slots, err := c.ctx.GetSlotList(true)
	if err != nil {
		return err
	}
	for _, slot := range slots {
		info, err := c.ctx.GetTokenInfo(slot)
		if err != nil || info.Label != card.Label {
			continue
		}
		if c.session, err = c.ctx.OpenSession(slot, p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION); err != nil {
			return err
		}
		return c.ctx.Login(c.session, p11.CKU_USER, card.PIN)
	}
	return fmt.Errorf("no token %q", card.Label)
}

// Close ends what Open began.
func (c *Card) Close() error {
	err := errors.Join(c.ctx.Logout(c.session), c.ctx.CloseSession(c.session), c.ctx.Finalize())
	c.ctx.Destroy()
	return err
}

// Put puts certificates on the card.
func (c *Card) Put(list ...Certificate) error {
	for _, x := range list {
		_, err := c.ctx.CreateObject(c.session, []*p11.Attribute{
			p11.NewAttribute(p11.CKA_CLASS, p11.CKO_CERTIFICATE), p11.NewAttribute(p11.CKA_CERTIFICATE_TYPE, p11.CKC_X_509),
			p11.NewAttribute(p11.CKA_TOKEN, true), p11.NewAttribute(p11.CKA_PRIVATE, x.Private),
			p11.NewAttribute(p11.CKA_ID, x.ID), p11.NewAttribute(p11.CKA_LABEL, x.Label),
			p11.NewAttribute(p11.CKA_SUBJECT, []byte("TEST")), p11.NewAttribute(p11.CKA_VALUE, x.DER),
		})
		if err != nil {
			return fmt.Errorf("cardobjects: %w", err)
		}
	}
	return nil
}

// Hide makes private objects of the card's certificates, as some cards have them.
func (c *Card) Hide() error {
	if err := c.ctx.FindObjectsInit(c.session, []*p11.Attribute{p11.NewAttribute(p11.CKA_CLASS, p11.CKO_CERTIFICATE)}); err != nil {
		return err
	}
	objects, _, err := c.ctx.FindObjects(c.session, 100)
	if err := errors.Join(err, c.ctx.FindObjectsFinal(c.session)); err != nil {
		return err
	}
	for _, o := range objects {
		a, err := c.ctx.GetAttributeValue(c.session, o, []*p11.Attribute{
			p11.NewAttribute(p11.CKA_VALUE, nil), p11.NewAttribute(p11.CKA_ID, nil), p11.NewAttribute(p11.CKA_LABEL, nil),
		})
		if err == nil {
			err = c.ctx.DestroyObject(c.session, o)
		}
		if err == nil {
			err = c.Put(Certificate{DER: a[0].Value, ID: a[1].Value, Label: string(a[2].Value), Private: true})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Authorities makes so many certificates of CAs, as wallets and cards hold them.
func Authorities(n int) ([]Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	list := make([]Certificate, n)
	for i := range list {
		name := fmt.Sprintf("TEST AC %d", i+1)
		template := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0), KeyUsage: x509.KeyUsageCertSign,
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			return nil, err
		}
		list[i] = Certificate{DER: der, ID: []byte{0xca, byte(i >> 8), byte(i)}, Label: name}
	}
	return list, nil
}
