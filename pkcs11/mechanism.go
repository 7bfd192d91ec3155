package pkcs11

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"slices"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/jwa"
)

// mechanism is how a signature is made on a token.
type mechanism struct {
	algorithm Algorithm
	mechanism *p11.Mechanism
	input     func(message []byte) []byte // what goes to C_Sign
}

// digestInfoSHA256 is the DER before the digest (RFC 8017, 9.2, note 1).
var digestInfoSHA256 = []byte{
	0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
}

// carried reports whether there is an algorithm of the token for the key at all:
// with another one the person would type a PIN for nothing.
func carried(key crypto.PublicKey) bool { return jwa.Carries(key) == nil }

// choose prefers what every card can: PKCS#1 v1.5 over a DigestInfo built here.
// PSS only where the token offers nothing else.
func choose(key crypto.PublicKey, offered map[uint]bool) (mechanism, bool) {
	if !carried(key) {
		return mechanism{}, false
	}
	whole := func(message []byte) []byte { return message }
	switch key := key.(type) {
	case *rsa.PublicKey:
		pss := p11.NewPSSParams(p11.CKM_SHA256, p11.CKG_MGF1_SHA256, uint(crypto.SHA256.Size()))
		for _, m := range []struct {
			id uint
			mechanism
		}{
			{p11.CKM_RSA_PKCS, mechanism{RS256, p11.NewMechanism(p11.CKM_RSA_PKCS, nil), func(message []byte) []byte {
				return slices.Concat(digestInfoSHA256, RS256.rules().Digest(message))
			}}},
			{p11.CKM_SHA256_RSA_PKCS, mechanism{RS256, p11.NewMechanism(p11.CKM_SHA256_RSA_PKCS, nil), whole}},
			{p11.CKM_RSA_PKCS_PSS, mechanism{PS256, p11.NewMechanism(p11.CKM_RSA_PKCS_PSS, pss), PS256.rules().Digest}},
			{p11.CKM_SHA256_RSA_PKCS_PSS, mechanism{PS256, p11.NewMechanism(p11.CKM_SHA256_RSA_PKCS_PSS, pss), whole}},
		} {
			if offered[m.id] {
				return m.mechanism, true
			}
		}
	case *ecdsa.PublicKey:
		for _, algorithm := range []Algorithm{ES256, ES384, ES512} {
			if algorithm.rules().Fits(key) == nil && offered[p11.CKM_ECDSA] {
				return mechanism{algorithm, p11.NewMechanism(p11.CKM_ECDSA, nil), algorithm.rules().Digest}, true
			}
		}
	}
	return mechanism{}, false
}

func (m mechanism) verify(key crypto.PublicKey, message, signature []byte) error {
	return m.algorithm.rules().Verify(key, message, signature)
}
