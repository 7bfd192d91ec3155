package pkcs11

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	p11 "github.com/miekg/pkcs11"
)

// keySearch looks for the private key that belongs to a certificate. CKA_ID says
// which it should be; cards are met where two keys have one, where the key has
// another, and where nothing has any. What can be compared counts for more, and a
// key that cannot be told for certain is not used: it would sign for somebody else.
type keySearch struct {
	driver      driver
	session     p11.SessionHandle
	certificate Certificate
	// unread is an attribute that could not be read for another reason than its
	// own: that no key was found proves nothing then.
	unread error
	public []key // once they were searched
}

// likeness says whether a key is the certificate's.
type likeness int

const (
	unknown likeness = iota
	same
	other
)

// key is a key object on a token.
type key struct {
	handle p11.ObjectHandle
	id     []byte
	is     likeness
}

// find returns the certificate's private key, and all that the session shows.
func (s *keySearch) find() (found p11.ObjectHandle, ok bool, shown []key, err error) {
	shown, err = s.keys(p11.CKO_PRIVATE_KEY)
	if err != nil {
		return 0, false, nil, err
	}
	if err := s.link(shown); err != nil {
		return 0, false, nil, err
	}
	byID := func(k key) bool { return k.is != other && s.named(k) }
	for _, fits := range []func(key) bool{
		func(k key) bool { return k.is == same && s.named(k) },
		func(k key) bool { return k.is == same },
	} {
		for _, k := range shown {
			if fits(k) {
				return k.handle, true, shown, nil
			}
		}
	}
	k, ok, err := s.only(shown, byID)
	return k.handle, ok, shown, err
}

// only is the one key that fits; of several the one that may sign.
func (s *keySearch) only(keys []key, fits func(key) bool) (one key, ok bool, err error) {
	var fitting, signing []key
	for _, k := range keys {
		if fits(k) {
			fitting = append(fitting, k)
		}
	}
	if len(fitting) == 1 {
		return fitting[0], true, nil
	}
	for _, k := range fitting {
		signs, err := s.attribute(k.handle, p11.CKA_SIGN)
		if err != nil {
			return key{}, false, err
		}
		if len(signs) == 0 || isTrue(signs) {
			signing = append(signing, k)
		}
	}
	if len(signing) != 1 {
		return key{}, false, nil
	}
	return signing[0], true, nil
}

// named reports whether the key has the certificate's CKA_ID. An empty one names
// nothing.
func (s *keySearch) named(k key) bool {
	return len(k.id) > 0 && bytes.Equal(k.id, s.certificate.KeyID)
}

// keys are the session's keys of a class, compared with the certificate. They are
// searched by class alone: an empty CKA_ID in a template means nothing to some
// modules, and any to others.
func (s *keySearch) keys(class uint) ([]key, error) {
	handles, err := s.driver.Find(s.session, []*p11.Attribute{p11.NewAttribute(p11.CKA_CLASS, class)}, s.ahead()...)
	if err != nil {
		return nil, err
	}
	var keys []key
	for _, o := range handles {
		k := key{handle: o}
		if k.id, err = s.attribute(o, p11.CKA_ID); err != nil {
			return nil, err
		}
		if k.is, err = s.likeness(o); err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// ahead names what is read of each key, and no more: an attribute may be a command to the
// card.
func (s *keySearch) ahead() []uint {
	switch s.certificate.X509.PublicKey.(type) {
	case *rsa.PublicKey:
		return []uint{p11.CKA_ID, p11.CKA_KEY_TYPE, p11.CKA_MODULUS}
	case *ecdsa.PublicKey:
		return []uint{p11.CKA_ID, p11.CKA_KEY_TYPE, p11.CKA_EC_PARAMS, p11.CKA_EC_POINT}
	}
	return []uint{p11.CKA_ID, p11.CKA_KEY_TYPE}
}

// link tells private keys that say nothing of themselves, as those on curves often
// do, by the public key of the same pair: it has the same CKA_ID, and where each is
// the only one with it, they are a pair.
func (s *keySearch) link(private []key) error {
	pending := false
	for _, k := range private {
		pending = pending || k.is == unknown && len(k.id) > 0
	}
	if !pending {
		return nil
	}
	public, err := s.publicKeys()
	if err != nil {
		return err
	}
	for i, k := range private {
		if k.is != unknown || len(withID(private, k.id)) != 1 {
			continue
		}
		if pair := withID(public, k.id); len(pair) == 1 {
			private[i].is = pair[0].is
		}
	}
	return nil
}

// publicKeys are searched once.
func (s *keySearch) publicKeys() (keys []key, err error) {
	if s.public == nil {
		s.public, err = s.keys(p11.CKO_PUBLIC_KEY)
	}
	return s.public, err
}

func withID(keys []key, id []byte) (list []key) {
	for _, k := range keys {
		if len(id) > 0 && bytes.Equal(k.id, id) {
			list = append(list, k)
		}
	}
	return list
}

// anothers reports whether the public key objects say that the certificate's CKA_ID
// is another pair's, and none of them is the certificate's.
func (s *keySearch) anothers() (bool, error) {
	public, err := s.publicKeys()
	if err != nil {
		return false, err
	}
	another := false
	for _, k := range public {
		if k.is == same || k.is == unknown && s.named(k) {
			return false, nil
		}
		another = another || s.named(k)
	}
	return another, nil
}

// attribute is empty where it cannot be read. It fails where the card or the module
// is gone.
func (s *keySearch) attribute(o p11.ObjectHandle, kind uint) ([]byte, error) {
	values, err := s.driver.Attributes(s.session, o, kind)
	switch {
	case err == nil:
		return values[0], nil
	case s.driver.Gone() || errors.Is(err, ErrCardRemoved):
		return nil, err
	case !ofObject(err):
		s.unread = err
	}
	return nil, nil
}

// likeness compares a key with the certificate's.
func (s *keySearch) likeness(o p11.ObjectHandle) (likeness, error) {
	kind, err := s.attribute(o, p11.CKA_KEY_TYPE)
	if err != nil {
		return unknown, err
	}
	is := func(want uint) bool { return len(kind) == 0 || number(kind) == want }
	switch public := s.certificate.X509.PublicKey.(type) {
	case *rsa.PublicKey:
		if !is(p11.CKK_RSA) {
			return other, nil
		}
		modulus, err := s.attribute(o, p11.CKA_MODULUS)
		if err != nil || len(modulus) == 0 {
			return unknown, err
		}
		return likenessOf(new(big.Int).SetBytes(modulus).Cmp(public.N) == 0), nil
	case *ecdsa.PublicKey:
		if !is(p11.CKK_EC) {
			return other, nil
		}
		curve, err := s.attribute(o, p11.CKA_EC_PARAMS)
		if err != nil {
			return unknown, err
		}
		if anotherCurve(public, curve) {
			return other, nil
		}
		point, err := s.attribute(o, p11.CKA_EC_POINT)
		if err != nil {
			return unknown, err
		}
		return samePoint(public, point), nil
	}
	return unknown, nil
}

func likenessOf(equal bool) likeness {
	if equal {
		return same
	}
	return other
}

// curves are the names of RFC 5480, 2.1.1.1, of those that a certificate's key is on.
var curves = map[elliptic.Curve]asn1.ObjectIdentifier{
	elliptic.P256(): {1, 2, 840, 10045, 3, 1, 7}, elliptic.P384(): {1, 3, 132, 0, 34}, elliptic.P521(): {1, 3, 132, 0, 35},
}

// anotherCurve is false where CKA_EC_PARAMS names no curve but describes one.
func anotherCurve(public *ecdsa.PublicKey, params []byte) bool {
	var name asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(params, &name); err != nil {
		return false
	}
	return !name.Equal(curves[public.Curve])
}

// samePoint reads CKA_EC_POINT, which is the point in an OCTET STRING, or with some
// modules the point alone, whole or compressed (SEC 1, 2.3.3).
func samePoint(public *ecdsa.PublicKey, value []byte) likeness {
	whole, err := public.Bytes()
	if err != nil {
		return unknown
	}
	n := (len(whole) - 1) / 2
	x, y := whole[1:1+n], whole[1+n:]
	var inner []byte
	if rest, err := asn1.Unmarshal(value, &inner); err == nil && len(rest) == 0 {
		value = inner
	}
	switch {
	case len(value) == 2*n:
		return likenessOf(bytes.Equal(value, whole[1:]))
	case len(value) == 1+2*n:
		return likenessOf(bytes.Equal(value[1:], whole[1:]))
	case len(value) == 1+n:
		return likenessOf(bytes.Equal(value[1:], x) && value[0]&1 == y[n-1]&1)
	}
	return unknown
}

// keyReason says why a certificate's key is not for a login, by what the session
// shows of it without a PIN: on a token that asks for no login at all, or where the
// key is no private object, it can be used without one. Most modules show private
// keys after a login only, so that none is there proves nothing, but where the module
// shows others that are private, or a public key says that the pair with the
// certificate's CKA_ID is another one.
func keyReason(d driver, session p11.SessionHandle, c Certificate) (Reason, error) {
	if !c.Slot.Token.loginRequired {
		return KeyWithoutPIN, nil
	}
	s := &keySearch{driver: d, session: session, certificate: c}
	found, ok, shown, err := s.find()
	if err != nil {
		return "", err
	}
	if ok {
		private, err := d.Attributes(session, found, p11.CKA_PRIVATE)
		if err != nil || isTrue(private[0]) {
			return Usable, err
		}
		return KeyWithoutPIN, nil
	}
	missing, err := s.anothers()
	if err != nil {
		return "", err
	}
	for _, k := range shown {
		private, err := s.attribute(k.handle, p11.CKA_PRIVATE)
		if err != nil {
			return "", err
		}
		missing = missing || isTrue(private)
	}
	if missing && s.unread == nil {
		return NoKey, nil
	}
	return Usable, nil
}

// keyAfterLogin is the certificate's private key in a session that is logged in,
// which shows all there are.
func keyAfterLogin(d driver, session p11.SessionHandle, c Certificate) (p11.ObjectHandle, error) {
	s := &keySearch{driver: d, session: session, certificate: c}
	found, ok, shown, err := s.find()
	switch {
	case err != nil || ok:
		return found, err
	case s.unread != nil:
		return 0, s.unread
	}
	op, anothers := "C_FindObjects: no private key belongs to the certificate", false
	for _, k := range shown {
		if k.is == unknown {
			op = "C_FindObjects: no private key can be told to belong to the certificate"
		}
		anothers = anothers || k.is == other && s.named(k)
	}
	err = &Error{Op: op, Path: c.Slot.Module, Kind: ErrNoKey}
	if anothers { // the key that it should be is another one's: perhaps the certificate is
		err = fmt.Errorf("%w: %w", errOtherKey, err)
	}
	return 0, err
}
