package floor

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// fortifyVariable names a folder with Fortify's core, webcrypto-local, built from its
// repository.
const fortifyVariable = "FORTIFY"

// BenchmarkFortify is a signature in a card session of the agent's beside one of Fortify's
// core over its own socket, with its own client, the same token and both logged in.
func BenchmarkFortify(b *testing.B) {
	folder := os.Getenv(fortifyVariable)
	if folder == "" {
		b.Skip(fortifyVariable + " names no build of Fortify's core")
	}
	w := newWorld(b, "cps", time.Hour)
	w.login() // with the PIN
	f := startFortify(w, folder, `{"name":"RSASSA-PKCS1-v1_5","hash":"SHA-256"}`)
	var agent, fortify []float64
	for round := range rounds + 10 {
		begun := time.Now()
		w.login()
		ours := float64(time.Since(begun).Nanoseconds()) / 1e6
		theirs := f.sign()
		if round >= 10 {
			agent, fortify = append(agent, ours), append(fortify, theirs)
		}
	}
	for name, took := range map[string][]float64{"agent-ms": agent, "fortify-ms": fortify} {
		slices.Sort(took)
		b.ReportMetric(took[len(took)/2], name)
	}
	b.ReportMetric(0, "ns/op")
}

// fortify is Fortify's client, connected and logged in.
type fortify struct {
	w     *world
	lines *bufio.Scanner
	in    io.Writer
}

func startFortify(w *world, folder, algorithm string) *fortify {
	t := w.t
	t.Helper()
	cert, key := certificateFiles(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	node := need.Program(t, "node")
	run := func(role, first string) *fortify {
		cmd := exec.CommandContext(t.Context(), node, "fortify.js", folder, role)
		cmd.Env = append(os.Environ(), "E_MODULE="+w.options.Module, "E_PIN="+w.options.PIN, fmt.Sprintf("E_PORT=%d", port), "E_CERT="+cert, "E_KEY="+key, "E_ALGORITHM="+algorithm)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		f := &fortify{w, bufio.NewScanner(out), in}
		for f.lines.Scan() {
			if f.lines.Text() == first {
				return f
			}
		}
		t.Fatalf("Fortify's %s ended before %q", role, first)
		return nil
	}
	run("server", "listening")
	return run("client", "ready")
}

// sign makes one signature, and returns its milliseconds.
func (f *fortify) sign() float64 {
	f.w.t.Helper()
	if _, err := fmt.Fprintln(f.in, "TEST"); err != nil {
		f.w.t.Fatal(err)
	}
	if !f.lines.Scan() {
		f.w.t.Fatal("Fortify's client ended")
	}
	ms, err := strconv.ParseFloat(strings.TrimSpace(f.lines.Text()), 64)
	if err != nil {
		f.w.t.Fatal(err)
	}
	return ms
}

// certificateFiles are a certificate for 127.0.0.1 and its key.
func certificateFiles(t testing.TB) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
