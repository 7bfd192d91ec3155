package pkcs11

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/asn1"
	"math/big"
)

// accept returns the signature in the form that the algorithm has, RSA as long as
// the key and ECDSA as raw r‖s. Not every module gives it so; what verifies was it.
func (m mechanism) accept(key crypto.PublicKey, message, signature []byte) ([]byte, error) {
	err := m.verify(key, message, signature)
	if err == nil {
		return signature, nil
	}
	for _, other := range otherForms(key, signature) {
		if m.verify(key, message, other) == nil {
			return other, nil
		}
	}
	return nil, err
}

// otherForms are what a module may have meant by a signature that is not in the
// standard's form.
func otherForms(key crypto.PublicKey, signature []byte) [][]byte {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if form := fixed(new(big.Int).SetBytes(signature), key.Size()); form != nil {
			return [][]byte{form} // without the zeros before it, or with more
		}
	case *ecdsa.PublicKey:
		n := (key.Params().BitSize + 7) / 8
		var forms [][]byte
		add := func(r, s *big.Int) {
			if r, s := fixed(r, n), fixed(s, n); r != nil && s != nil {
				forms = append(forms, append(r, s...))
			}
		}
		var der struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(signature, &der); err == nil { // what stands after it is padding
			add(der.R, der.S)
		}
		// Both of one length, or without the zeros before each: where r ends is tried.
		for at := max(1, len(signature)-n-maxZeros); at < len(signature) && at <= n+maxZeros && len(signature) <= 2*(n+maxZeros); at++ {
			add(new(big.Int).SetBytes(signature[:at]), new(big.Int).SetBytes(signature[at:]))
		}
		return forms
	}
	return nil
}

// maxZeros bounds how many zeros before r or s a module may leave out or add.
const maxZeros = 4

// fixed is the number in n octets, or nil where it has no such form.
func fixed(x *big.Int, n int) []byte {
	if x.Sign() < 0 || x.BitLen() > 8*n {
		return nil
	}
	return x.FillBytes(make([]byte, n))
}
