package jwa

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"testing"
)

var message = []byte("TEST message")

// signed is a signature made by the algorithm's rules, with other code than the
// code that verifies it.
func signed(t *testing.T, name string, key crypto.Signer) []byte {
	t.Helper()
	hash := map[byte]crypto.Hash{'2': crypto.SHA256, '3': crypto.SHA384, '5': crypto.SHA512}[name[2]]
	h := hash.New()
	h.Write(message)
	digest := h.Sum(nil)
	var signature []byte
	var err error
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		r, s, signErr := ecdsa.Sign(rand.Reader, key, digest)
		if signErr != nil {
			t.Fatal(signErr)
		}
		n := (key.Curve.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, n)), s.FillBytes(make([]byte, n))...)
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(rand.Reader, key, hash, digest)
		if name[0] == 'P' {
			signature, err = rsa.SignPSS(rand.Reader, key, hash, digest, &rsa.PSSOptions{SaltLength: hash.Size()})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// keys has a key of each kind; that of ECDSA bears the name of its algorithm.
func keys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]crypto.Signer{"RSA": long}
	for name, curve := range map[string]elliptic.Curve{ES256: elliptic.P256(), ES384: elliptic.P384(), ES512: elliptic.P521(), "P-224": elliptic.P224()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = key
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	all["Ed25519"] = edwards
	return all
}

func TestEveryAlgorithmWithEveryKey(t *testing.T) {
	all := keys(t)
	for _, name := range []string{RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512} {
		a := Get(name)
		if a.String() != name || fmt.Sprint(a.Hash().Size()*8) != name[2:] || a.IsPSS() != (name[0] == 'P') {
			t.Errorf("%s is %v with %v", name, a, a.Hash())
		}
		for kind, key := range all {
			fits := kind == name || kind == "RSA" && name[0] != 'E'
			if err := a.Fits(key.Public()); (err == nil) != fits {
				t.Errorf("%s for %s: %v", name, kind, err)
			}
			if !fits {
				if err := a.Verify(key.Public(), message, make([]byte, 256)); err == nil {
					t.Errorf("%s verified something of a key of %s", name, kind)
				}
				continue
			}
			signature := signed(t, name, key)
			if err := a.Verify(key.Public(), message, signature); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			refuses(t, a, key.Public(), signature)
		}
	}
}

// refuses requires that another message, a changed signature and one of another
// length are refused.
func refuses(t *testing.T, a Algorithm, key crypto.PublicKey, signature []byte) {
	t.Helper()
	if a.Verify(key, append([]byte("x"), message...), signature) == nil {
		t.Errorf("%v: another message", a)
	}
	changed := append([]byte(nil), signature...)
	changed[len(changed)/2] ^= 1
	for what, bad := range map[string][]byte{
		"changed": changed, "none": nil, "short": signature[1:], "long": append([]byte{0}, signature...), "zeros": make([]byte, len(signature)),
	} {
		if a.Verify(key, message, bad) == nil {
			t.Errorf("%v: a signature that is %s", a, what)
		}
	}
}

// A signature of one scheme or hash does not verify under another.
func TestAlgorithmsDiffer(t *testing.T) {
	key := keys(t)["RSA"]
	names := []string{RS256, RS384, RS512, PS256, PS384, PS512}
	for _, made := range names {
		signature := signed(t, made, key)
		for _, read := range names {
			if err := Get(read).Verify(key.Public(), message, signature); (err == nil) != (made == read) {
				t.Errorf("%s read as %s: %v", made, read, err)
			}
		}
	}
	// PSS with a salt of another length than the hash.
	digest := Get(PS256).Digest(message)
	signature, err := rsa.SignPSS(rand.Reader, key.(*rsa.PrivateKey), crypto.SHA256, digest, &rsa.PSSOptions{SaltLength: 20})
	if err != nil {
		t.Fatal(err)
	}
	if Get(PS256).Verify(key.Public(), message, signature) == nil {
		t.Error("a salt of 20 bytes")
	}
}

// DER, which cards and libraries produce by default, is never accepted.
func TestNoDER(t *testing.T) {
	key := keys(t)[ES256].(*ecdsa.PrivateKey)
	der, err := key.Sign(rand.Reader, Get(ES256).Digest(message), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if Get(ES256).Verify(key.Public(), message, der) == nil || Get(ES256).CheckLength(key.Public(), der) == nil {
		t.Error("DER")
	}
}

func TestLookup(t *testing.T) {
	for _, name := range []string{"", "none", "HS256", "rs256", "RS1", "ES256K", "EdDSA", "RS256 "} {
		if a, ok := Lookup(name); ok || a != (Algorithm{}) {
			t.Errorf("%q is %v", name, a)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("Get of an unknown name")
		}
	}()
	Get("none")
}
