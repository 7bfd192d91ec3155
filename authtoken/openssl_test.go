package authtoken

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// Another implementation agrees on what was signed: the token's certificate and
// signature go to openssl, with the message computed from its definition.
func TestOpenSSLVerifiesTokens(t *testing.T) {
	need.Program(t, "openssl")
	f := getFixture(t)
	for _, c := range []struct {
		alg     string
		key     crypto.Signer
		options []string
	}{
		{"RS256", f.rsa, nil},
		{"PS256", f.rsa, []string{"-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"}},
		{"ES256", f.p256, nil},
	} {
		t.Run(c.alg, func(t *testing.T) {
			token := makeToken(t, f.issue(t, c.key, demopki.Authentication), c.key, c.alg, testOrigin, testNonce)
			dir := t.TempDir()
			signature, err := base64.StdEncoding.DecodeString(token.Signature)
			if err != nil {
				t.Fatal(err)
			}
			if c.alg == "ES256" {
				signature = derOf(t, signature)
			}
			write(t, dir, "signature", signature)
			write(t, dir, "key.pem", publicPEM(t, token))
			message, err := Message(c.alg, testOrigin, testNonce)
			if err != nil {
				t.Fatal(err)
			}
			write(t, dir, "message", message)
			if out, err := openssl(dir, c.options); err != nil || !strings.Contains(out, "Verified OK") {
				t.Errorf("openssl: %v: %s", err, out)
			}
			message[0] ^= 1
			write(t, dir, "message", message)
			if out, err := openssl(dir, c.options); err == nil {
				t.Errorf("openssl accepts another message: %s", out)
			}
		})
	}
}

func openssl(dir string, options []string) (string, error) {
	args := append([]string{"dgst", "-sha256", "-verify", "key.pem", "-signature", "signature"}, options...)
	cmd := exec.Command("openssl", append(args, "message")...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func publicPEM(t *testing.T, token Token) []byte {
	t.Helper()
	cert, err := token.certificate()
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(cert.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func write(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}
