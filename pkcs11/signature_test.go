package pkcs11

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"testing"
)

// A P-256 key and its signature of "TEST message" with an s of 26 octets, so that
// its DER is as long as the raw form: the key was computed from the signature, Q =
// r⁻¹·(sR − zG).
const (
	lightKey = "04dcd2c5f61a96e21995f5bd5a4b0c41879b599c0783bf0b8627b1e5ce3f0ffaf941002af439c03aec36f9baa72e87b2fb215eec657e3c49d0090b6b0eb0e5a6bf"
	lightR   = "737a3b0d31ef03c349f735a6f2886bd3eafc42ceb4a103c3e38abc81a835fbf9"
	lightS   = "4000000000000000000000000000000000000000000000003039"
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	value, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// However a module writes a signature that is right, it is brought to the form that
// the algorithm has; a wrong one is refused in each form.
func TestFormsOfASignature(t *testing.T) {
	text := []byte("TEST message")
	type form struct {
		name  string
		value []byte
	}
	check := func(m mechanism, key crypto.PublicKey, want []byte, forms []form) {
		t.Helper()
		for _, f := range forms {
			got, err := m.accept(key, text, f.value)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, %s (%d octets): %x, %v", m.algorithm, f.name, len(f.value), got, err)
			}
			wrong := bytes.Clone(f.value)
			wrong[len(wrong)-8] ^= 1
			if got, err := m.accept(key, text, wrong); err == nil && f.name != "padded DER" {
				t.Errorf("%s, %s: accepted a wrong one: %x", m.algorithm, f.name, got)
			}
		}
	}
	for algorithm, curve := range map[Algorithm]elliptic.Curve{ES256: elliptic.P256(), ES384: elliptic.P384(), ES512: elliptic.P521()} {
		m := mechanism{algorithm: algorithm}
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		n := (curve.Params().BitSize + 7) / 8
		seen := map[bool]bool{}
		for !seen[true] || !seen[false] { // until r has begun with a zero
			r, s, err := ecdsa.Sign(rand.Reader, key, algorithm.rules().Digest(text))
			if err != nil {
				t.Fatal(err)
			}
			der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
			if err != nil {
				t.Fatal(err)
			}
			seen[len(r.Bytes()) < n] = true
			raw := append(r.FillBytes(make([]byte, n)), s.FillBytes(make([]byte, n))...)
			longer := append(r.FillBytes(make([]byte, n+1)), s.FillBytes(make([]byte, n+1))...)
			check(m, key.Public(), raw, []form{
				{"raw", raw}, {"DER", der}, {"padded DER", append(bytes.Clone(der), make([]byte, 20)...)},
				{"without zeros", append(r.Bytes(), s.Bytes()...)}, {"with more zeros", longer},
			})
		}
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), unhex(t, lightKey))
	if err != nil {
		t.Fatal(err)
	}
	r, s := new(big.Int).SetBytes(unhex(t, lightR)), new(big.Int).SetBytes(unhex(t, lightS))
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil || len(der) != 64 {
		t.Fatalf("DER of %d octets, %v: not as long as the raw form", len(der), err)
	}
	raw := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	check(mechanism{algorithm: ES256}, key, raw, []form{{"raw", raw}, {"DER as long as the raw form", der}})

	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for {
		text = append(text, '.')
		digest := sha256.Sum256(text)
		value, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		if value[0] == 0 {
			check(mechanism{algorithm: RS256}, private.Public(), value, []form{{"whole", value}, {"without zeros", bytes.TrimLeft(value, "\x00")}, {"with more zeros", append(make([]byte, 2), value...)}})
			break
		}
	}
	for _, odd := range [][]byte{nil, {}, {0}, {0x30}, make([]byte, 1000), bytes.Repeat([]byte{0xff}, 64)} {
		if _, err := (mechanism{algorithm: ES256}).accept(key, text, odd); err == nil {
			t.Errorf("accepted %x", odd)
		}
	}
}
