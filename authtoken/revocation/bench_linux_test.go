package revocation

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

const benchEntries = 200_000

// benchList is a list as a large issuer's: numbers of 16 bytes, each with its reason.
func benchList(t testing.TB, entries int) (der []byte, signer *x509.Certificate, present, absent []*big.Int) {
	t.Helper()
	pki, err := demopki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	number := func() *big.Int {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		b[0] = b[0]&0x3f | 0x40
		return new(big.Int).SetBytes(b[:])
	}
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(24 * time.Hour)}
	for i := range entries {
		n := number()
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: n, RevocationTime: time.Now(), ReasonCode: 1})
		if i%200 == 0 { // few, since a login's own certificate was read a moment ago
			present, absent = append(present, n), append(absent, number())
		}
	}
	if der, err = x509.CreateRevocationList(rand.Reader, l, pki.Intermediate.Cert, pki.Intermediate.Key); err != nil {
		t.Fatal(err)
	}
	return der, pki.Intermediate.Cert, present, absent
}

var benchBounds = listBounds{DefaultMaxListBytes, DefaultMaxEntries}

// heap is the bytes that live on the heap, after everything else was collected.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkLookup is one look at a list of 200,000 entries, of cards that are in it and of
// cards that are not, with what the list keeps once it is read, and how much memory the
// process has had at most while it read it, over what it had before.
func BenchmarkLookup(b *testing.B) {
	der, signer, present, absent := benchList(b, benchEntries)
	before := heap()
	l, err := readList(der, false, []*x509.Certificate{signer}, benchBounds)
	if err != nil {
		b.Fatal(err)
	}
	retained := heap() - before
	peak := measurePeak(b, der, signer)
	for name, numbers := range map[string][]*big.Int{"revoked": present, "good": absent} {
		b.Run(name, func(b *testing.B) {
			i, began := 0, processorTime(b)
			for b.Loop() {
				if _, found := l.entries.find(numbers[i%len(numbers)]); found != (name == "revoked") {
					b.Fatal("not as it was made")
				}
				i++
			}
			b.ReportMetric(float64(processorTime(b)-began)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(l.entries.count), "entries")
			b.ReportMetric(float64(retained)/1e6, "MB-kept")
			b.ReportMetric(peak, "MB-peak")
			b.ReportMetric(float64(len(der))/1e6, "MB-list")
		})
	}
	runtime.KeepAlive(l)
}

// BenchmarkCheck is a whole check of a chain of three by lists that are held, as each login
// makes one.
func BenchmarkCheck(b *testing.B) {
	w := newWorld(b)
	chain := w.card()
	c := w.checker()
	if err := c.Check(b.Context(), chain, w.now); err != nil {
		b.Fatal(err)
	}
	began := processorTime(b)
	for b.Loop() {
		if err := c.Check(b.Context(), chain, w.now); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(processorTime(b)-began)/float64(b.N), "cpu-ns/op")
}

// processorTime is what this process has used of the processors, in nanoseconds: on a busy
// machine it says more than the time that has passed.
func processorTime(t testing.TB) int64 {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// BenchmarkRead reads the same list: its signature, its form, its entries.
func BenchmarkRead(b *testing.B) {
	der, signer, _, _ := benchList(b, benchEntries)
	b.SetBytes(int64(len(der)))
	for b.Loop() {
		if _, err := readList(der, false, []*x509.Certificate{signer}, benchBounds); err != nil {
			b.Fatal(err)
		}
	}
}

// peakVariable has a child of the test binary read a list and print its peak.
const peakVariable = "CPX_REVOCATION_PEAK"

// measurePeak is by how many MB a process of its own has grown at most while it read the
// list.
func measurePeak(b *testing.B, der []byte, signer *x509.Certificate) float64 {
	b.Helper()
	dir := b.TempDir()
	for name, content := range map[string][]byte{"list": der, "signer": signer.Raw} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	child := exec.Command(os.Args[0], "-test.run=^TestPeak$", "-test.v")
	child.Env = append(os.Environ(), peakVariable+"="+dir)
	out, err := child.CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	_, after, _ := strings.Cut(string(out), "peak ")
	grown, err := strconv.ParseInt(strings.Fields(after + " x")[0], 10, 64)
	if err != nil {
		b.Fatalf("%s", out)
	}
	return float64(grown) / 1e3
}

// TestPeak: reading a list of 200,000 entries, as a process of its own, keeps under 20 MB.
// As the benchmark's child it prints by how many kB it has grown meanwhile.
func TestPeak(t *testing.T) {
	dir := os.Getenv(peakVariable)
	var der []byte
	var signer *x509.Certificate
	if dir == "" {
		der, signer, _, _ = benchList(t, benchEntries)
	} else {
		var err error
		if der, err = os.ReadFile(filepath.Join(dir, "list")); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(dir, "signer"))
		if err != nil {
			t.Fatal(err)
		}
		if signer, err = x509.ParseCertificate(raw); err != nil {
			t.Fatal(err)
		}
	}
	grown := resident(t)
	before := heap()
	l, err := readList(der, false, []*x509.Certificate{signer}, benchBounds)
	if err != nil {
		t.Fatal(err)
	}
	if retained := heap() - before; retained > 20e6 {
		t.Errorf("%d bytes are kept", retained)
	}
	if dir != "" {
		fmt.Printf("peak %d\n", resident(t)-grown)
	}
	runtime.KeepAlive(l)
}

// resident is the largest that the process has been, in kB.
func resident(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	size, err := strconv.ParseInt(strings.Fields(after + " x")[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return size
}
