package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// signers are a certificate authority with one below it, a signer, a timestamp authority,
// and somebody whom neither knows: files, TEST.
type signers struct {
	dir string
	env []string // of the signer, without a timestamp authority
}

func (s signers) path(name string) string { return filepath.Join(s.dir, name) }

// key usages that Go has no words for as critical ones.
var (
	extKeyUsage  = asn1.ObjectIdentifier{2, 5, 29, 37}
	timeStamping = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
)

// issued is a certificate with its key.
type issued struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newSigners(t *testing.T) signers {
	t.Helper()
	for _, program := range []string{"osslsigncode", "openssl", "faketime", "msibuild"} {
		need.Program(t, program)
	}
	s := signers{dir: t.TempDir()}
	authority := func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign }
	code := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }
	const short, long = 300 * 24 * time.Hour, 3650 * 24 * time.Hour
	root := s.issue(t, "root", nil, long, authority)
	middle := s.issue(t, "intermediate", &root, long, authority)
	s.issue(t, "signer", &middle, short, code)
	s.issue(t, "other", nil, short, code)
	s.issue(t, "tsa", &root, long, func(c *x509.Certificate) {
		usage, err := asn1.Marshal([]asn1.ObjectIdentifier{timeStamping})
		if err != nil {
			t.Fatal(err)
		}
		c.ExtraExtensions = []pkix.Extension{{Id: extKeyUsage, Critical: true, Value: usage}}
	})
	var chain []byte
	for _, name := range []string{"signer.pem", "intermediate.pem"} {
		text, err := os.ReadFile(s.path(name))
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, text...)
	}
	s.write(t, "chain.pem", chain)
	s.env = []string{"CPX_SIGN_CERT=" + s.path("chain.pem"), "CPX_SIGN_KEY=" + s.path("signer.key"), "CPX_SIGN_ROOTS=" + s.path("root.pem"), "CPX_SIGN_WAIT=0"}
	return s
}

// issue makes a certificate and its key, by itself where nobody is above it.
func (s signers) issue(t *testing.T, name string, by *issued, lasts time.Duration, as func(c *x509.Certificate)) issued {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "TEST " + name}, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lasts), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	as(c)
	above := issued{c, key}
	if by != nil {
		above = *by
	}
	der, err := x509.CreateCertificate(rand.Reader, c, above.cert, key.Public(), above.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, name+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	s.write(t, name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return issued{made, key}
}

func (s signers) write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(s.path(name), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// program is one for Windows, of ours, that need not run; installer a package with one table.
func (s signers) program(t *testing.T) string {
	t.Helper()
	path := s.path("program.exe")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../supply/notices")
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

func (s signers) installer(t *testing.T) string {
	t.Helper()
	path := s.path("TEST package.msi")
	for _, args := range [][]string{
		{path, "-s", "TEST", "TEST", "x64;1033", "{7C1D6E0A-5B1F-4B0E-9A0B-6F2F9C5AD3E5}"},
		{path, "-q", "CREATE TABLE `Property` (`Property` CHAR(72) NOT NULL, `Value` CHAR(0) NOT NULL LOCALIZABLE PRIMARY KEY `Property`)"},
	} {
		if out, err := exec.CommandContext(t.Context(), "msibuild", args...).CombinedOutput(); err != nil {
			t.Fatalf("msibuild: %v\n%s", err, out)
		}
	}
	return path
}

// sign runs scripts/sign with nothing of this machine's own settings.
func (s signers) sign(t *testing.T, env []string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "../../scripts/sign", args...)
	cmd.Env = append(clean(), env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// clean is this process's environment without what has to do with signing, and without
// proxies: the authority of the tests is on this machine.
func clean() (env []string) {
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "CPX_SIGN") && !slices.Contains([]string{"http_proxy", "https_proxy", "all_proxy"}, strings.ToLower(name)) {
			env = append(env, v)
		}
	}
	return env
}

// verified reports what osslsigncode finds of a file when it is looked at in so many days.
func (s signers) verified(t *testing.T, file string, days int) (string, bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "faketime", "-f", fmt.Sprintf("+%dd", days), "osslsigncode", "verify", "-CAfile", s.path("root.pem"), "-TSA-CAfile", s.path("root.pem"), "-in", file)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// timestamps is an authority on this machine (RFC 3161). The first busy requests it answers
// as one that has too many.
func (s signers) timestamps(t *testing.T, busy int) (address string, asked *atomic.Int64) {
	t.Helper()
	s.write(t, "serial", []byte("01\n"))
	s.write(t, "tsa.cnf", fmt.Appendf(nil, "[tsa]\ndefault_tsa=a\n[a]\nserial=%s\ncrypto_device=builtin\nsigner_digest=sha256\ndefault_policy=1.2.3.4.1\ndigests=sha256,sha384\naccuracy=secs:1\nordering=yes\ntsa_name=yes\n", s.path("serial")))
	asked = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		if n <= int64(busy) {
			http.Error(w, "busy", http.StatusTooManyRequests)
			return
		}
		answer, err := s.reply(r.Context(), r.Body, n)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(answer)
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func (s signers) reply(ctx context.Context, question io.Reader, n int64) ([]byte, error) {
	query, err := io.ReadAll(question)
	if err != nil {
		return nil, err
	}
	asks, says := s.path(fmt.Sprint(n, ".tsq")), s.path(fmt.Sprint(n, ".tsr"))
	if err := os.WriteFile(asks, query, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "openssl", "ts", "-reply", "-config", s.path("tsa.cnf"), "-queryfile", asks, "-signer", s.path("tsa.pem"), "-inkey", s.path("tsa.key"), "-out", says)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("openssl ts: %w: %s", err, out)
	}
	return os.ReadFile(says)
}
