package e2e

import (
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

// TestOpenSSLVerifies checks a token of the agent with openssl's own commands: the
// chain and the signature. The project's code takes no part in the check.
func TestOpenSSLVerifies(t *testing.T) {
	openssl := need.Program(t, "openssl")
	for _, card := range []string{"cps", "cps-ec"} {
		t.Run(card, func(t *testing.T) {
			s := prepare(t, stack.Options{AgentOnly: true, Cards: []string{card}, AutoPIN: script("1234")})
			start(t, s)
			challenge := nonce(t)
			p := open(t, s)
			got := p.call("authenticate", map[string]any{"challengeNonce": challenge, "lang": "fr"})
			if got.Error != nil {
				t.Fatalf("%+v", got.Error)
			}
			if states := strings.Join(p.states, " "); states != "waiting-for-pin signing" {
				t.Errorf("progress: %s", states)
			}
			var token struct{ Format, UnverifiedCertificate, Algorithm, Signature string }
			if err := json.Unmarshal(got.Result, &token); err != nil {
				t.Fatal(err)
			}
			if token.Format != "web-eid:1.0" {
				t.Errorf("format %q", token.Format)
			}
			der, err1 := base64.StdEncoding.DecodeString(token.UnverifiedCertificate)
			signature, err2 := base64.StdEncoding.DecodeString(token.Signature)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			if token.Algorithm == "ES256" { // openssl expects the DER form
				half := len(signature) / 2
				signature, _ = asn1.Marshal(struct{ R, S *big.Int }{
					new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]),
				})
			}
			dir := t.TempDir()
			write := func(name string, content []byte) string {
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			origin, challengeSum := sha256.Sum256([]byte(s.Origin)), sha256.Sum256([]byte(challenge))
			message := write("message", append(origin[:], challengeSum[:]...))
			cert := write("cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
			sig := write("signature", signature)
			key, err := exec.Command(openssl, "x509", "-in", cert, "-pubkey", "-noout").Output()
			if err != nil {
				t.Fatal(err)
			}
			public := write("key.pem", key)
			verify(t, openssl, "verify", "-CAfile", s.Path("card/ca/root.pem"), "-untrusted", s.Path("card/ca/intermediate.pem"), cert)
			verify(t, openssl, "dgst", "-sha256", "-verify", public, "-signature", sig, message)
			other := write("other", append(challengeSum[:], origin[:]...))
			if out, err := exec.Command(openssl, "dgst", "-sha256", "-verify", public, "-signature", sig, other).CombinedOutput(); err == nil {
				t.Errorf("openssl verified another message: %s", out)
			}
		})
	}
}

func verify(t *testing.T, openssl string, args ...string) {
	t.Helper()
	if out, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
		t.Errorf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
