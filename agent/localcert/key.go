package localcert

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
)

// parseKey parses the leaf's key in the keyring's form: PKCS#8 in base64.
func parseKey(secret string, leaf *x509.Certificate) (*ecdsa.PrivateKey, error) {
	der, err := base64.StdEncoding.DecodeString(secret)
	if err != nil {
		return nil, fmt.Errorf("%w: not the key that was stored", ErrKeyLost)
	}
	any, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("%w: not the key that was stored", ErrKeyLost)
	}
	key, ok := any.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(leaf.PublicKey) {
		return nil, fmt.Errorf("%w: it holds another key", ErrKeyLost)
	}
	return key, nil
}
