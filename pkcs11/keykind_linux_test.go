package pkcs11

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/cardobjects"
)

// selfSigned is an authentication certificate that OpenSSL makes, of a key of its
// own.
func selfSigned(t *testing.T, key ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "c.der")
	args := append([]string{"req", "-x509", "-nodes", "-days", "30", "-subj", "/C=FR/CN=TEST 0000000001", "-addext", "keyUsage=digitalSignature", "-addext", "extendedKeyUsage=clientAuth",
		"-addext", "basicConstraints=CA:FALSE", "-keyout", filepath.Join(dir, "c.key"), "-outform", "DER", "-out", file}, key...)
	if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	der, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// A key with which no token can be signed for a site is told before anybody is asked
// for a PIN, and its certificate is not offered.
func TestKeyThatNoTokenCarries(t *testing.T) {
	dsa := filepath.Join(t.TempDir(), "dsa.pem")
	if out, err := exec.Command("openssl", "dsaparam", "-out", dsa, "1024").CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	curve := func(name string) []string {
		return []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:" + name}
	}
	for name, key := range map[string][]string{
		"P-224": curve("secp224r1"), "secp256k1": curve("secp256k1"), "brainpool P-256": curve("brainpoolP256r1"),
		"a curve that is described": {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"},
		"Ed25519":                   {"-newkey", "ed25519"}, "Ed448": {"-newkey", "ed448"}, "DSA": {"-newkey", "dsa:" + dsa},
		"RSASSA-PSS":     {"-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"},
		"RSA 1024":       {"-newkey", "rsa:1024"},
		"large exponent": {"-newkey", "rsa:2048", "-pkeyopt", "rsa_keygen_pubexp:4294967297"},
	} {
		t.Run(name, func(t *testing.T) {
			der := selfSigned(t, key...)
			p, f := ownToken(t, func(c *cardobjects.Card) error { return c.Put(cardobjects.Certificate{DER: der, ID: []byte{1}}) })
			s, err := p.List(t.Context())
			if err != nil || len(s.Certificates) != 1 {
				t.Fatalf("%d certificates, %v", len(s.Certificates), err)
			}
			if got := s.Certificates[0].Reason; got != KeyUnsupported {
				t.Errorf("reason %q", got)
			}
			asked := 0
			_, err = p.Sign(t.Context(), request(s.Certificates[0], democard.PIN, &asked))
			if !errors.Is(err, ErrUnsupported) || f.record() != "" || asked != 0 {
				t.Errorf("%v, calls %q, asked %d", err, f.record(), asked)
			}
		})
	}
}

// Sizes that tokens do carry are not refused with the rest.
func TestKeyThatATokenCarries(t *testing.T) {
	for name, key := range map[string][]string{
		"RSA 2048": {"-newkey", "rsa:2048"}, "RSA 3072": {"-newkey", "rsa:3072"}, "exponent 3": {"-newkey", "rsa:2048", "-pkeyopt", "rsa_keygen_pubexp:3"},
		"P-521": {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp521r1"},
	} {
		t.Run(name, func(t *testing.T) {
			der := selfSigned(t, key...)
			p, _ := ownToken(t, func(c *cardobjects.Card) error { return c.Put(cardobjects.Certificate{DER: der, ID: []byte{1}}) })
			usable(t, p)
		})
	}
}

// A card that offers no mechanism for its own key is told in the reading too; one
// that does not say what it offers is not refused for that.
func TestTokenWithoutAMechanism(t *testing.T) {
	p, f := pool(t)
	f.mechanisms = map[uint]bool{p11.CKM_RSA_PKCS: true}
	if got := authentication(t, p, "cps-ec").Reason; got != KeyUnsupported {
		t.Errorf("a curve's key where only RSA is offered: %q", got)
	}
	if got := authentication(t, p, "cps").Reason; got != Usable {
		t.Errorf("an RSA key where RSA is offered: %q", got)
	}
	f.mechanismsErr = wrap("C_GetMechanismList", softHSM, p11.Error(p11.CKR_FUNCTION_NOT_SUPPORTED))
	if got := authentication(t, p, "cps-ec").Reason; got != Usable {
		t.Errorf("mechanisms not known: %q", got)
	}
}
