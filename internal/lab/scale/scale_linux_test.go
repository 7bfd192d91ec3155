// Package scale measures how what a login costs grows with what there is: readers, and
// certificates on a card. It is of benchmarks alone, for the plots of `make bench`.
package scale

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/democard"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/virtual"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/vreader"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/cardobjects"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

const openSC = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"

// rounds is how many logins a median is of.
const rounds = 11

// scratch is a folder without the name of a benchmark in its path: SoftHSM's settings
// know no "=" in a value. The service's socket is in it, as PC/SC's library reads its path
// once in a process.
var scratch, socket string

func TestMain(m *testing.M) {
	pkcs11.RunChildRole()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "cpx-scale-"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(scratch)
	socket = filepath.Join(scratch, "pcscd")
	if err := os.Setenv("PCSCLITE_CSOCK_NAME", socket); err != nil {
		panic(err)
	}
	return m.Run()
}

// bench is a pool of one module, as the agent has it.
type bench struct {
	*testing.B
	pool *pkcs11.Pool
}

func newBench(b *testing.B, module string) *bench {
	pool, err := pkcs11.Open(b.Context(), pkcs11.Options{Modules: []string{module}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := pool.Close(); err != nil {
			b.Error(err)
		}
	})
	return &bench{b, pool}
}

// read reads the cards and returns the certificate for a login.
func (b *bench) read(refresh func(context.Context) (pkcs11.Snapshot, error)) pkcs11.Certificate {
	b.Helper()
	s, err := refresh(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	i := slices.IndexFunc(s.Certificates, func(c pkcs11.Certificate) bool { return c.Reason == pkcs11.Usable })
	if i < 0 {
		b.Fatalf("no certificate for a login among %d", len(s.Certificates))
	}
	return s.Certificates[i]
}

// login makes a login whose PIN is typed at once.
func (b *bench) login(c pkcs11.Certificate, pin string) {
	b.Helper()
	_, err := b.pool.Sign(b.Context(), pkcs11.Request{
		CertificateID: c.ID,
		Message: func(a pkcs11.Algorithm) ([]byte, error) {
			return authtoken.Message(string(a), "https://portail.example.fr", authtoken.NewNonce())
		},
		PIN: func(context.Context, pkcs11.PINRequest) ([]byte, error) { return bytes.Clone([]byte(pin)), nil },
	})
	if err != nil {
		b.Fatal(err)
	}
}

// report reports the medians of what was read and of the logins.
func (b *bench) report(reads, logins []time.Duration) {
	for unit, took := range map[string][]time.Duration{"read-ms": reads, "login-ms": logins} {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, unit)
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkReaders: the time from a card in the reader to its certificates, and of a login
// on it, beside readers without a card. The card answers at once.
func BenchmarkReaders(b *testing.B) {
	pki, err := demopki.New(time.Now())
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1, 2, 4, 8, 15} {
		b.Run(fmt.Sprintf("readers=%d", n), func(b *testing.B) {
			card, err := virtual.NewCard(pki.Intermediate, virtual.CardOptions{})
			if err != nil {
				b.Fatal(err)
			}
			station, err := virtual.NewStation(virtual.StationOptions{Socket: socket, Card: card})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() {
				if err := station.Stop(); err != nil {
					b.Error(err)
				}
			})
			for i := 1; i < n; i++ {
				if _, err := station.Service().Plug(fmt.Sprintf("TEST reader without a card %02d 00", i), vreader.ReaderOptions{}); err != nil {
					b.Fatal(err)
				}
			}
			x := newBench(b, openSC)
			observe := func() {
				readers, err := pcsc.Readers(b.Context())
				if err != nil || len(readers) != n {
					b.Fatal(len(readers), err)
				}
				x.pool.Observe(pcsc.Event{Readers: readers})
			}
			var reads, logins []time.Duration
			for range rounds {
				station.Remove()
				observe()
				if s, err := x.pool.Current(b.Context()); err != nil || len(s.Certificates) != 0 {
					b.Fatal(len(s.Certificates), err)
				}
				station.Insert()
				observe()
				begun := time.Now()
				c := x.read(x.pool.Current)
				reads = append(reads, time.Since(begun))
				x.login(c, virtual.PIN)
				begun = time.Now()
				x.login(x.read(x.pool.Current), virtual.PIN)
				logins = append(logins, time.Since(begun))
			}
			x.report(reads, logins)
		})
	}
}

// BenchmarkCertificates: the time to read a token of so many certificates, and of a login
// on it.
func BenchmarkCertificates(b *testing.B) {
	for _, n := range []int{2, 8, 32, 128} {
		b.Run(fmt.Sprintf("certificates=%d", n), func(b *testing.B) {
			dir := filepath.Join(scratch, fmt.Sprint(n))
			if err := os.RemoveAll(dir); err != nil { // of an earlier run
				b.Fatal(err)
			}
			b.Setenv("SOFTHSM2_CONF", filepath.Join(dir, "softhsm2.conf"))
			cards, err := democard.Make(dir, []string{"cps"}, time.Now())
			if err != nil {
				b.Fatal(err)
			}
			more, err := cardobjects.Authorities(n - 2) // there are two, to log in and to sign
			if err != nil {
				b.Fatal(err)
			}
			open, err := cardobjects.Open(dir, "cps")
			if err != nil {
				b.Fatal(err)
			}
			if err := open.Put(more...); err != nil {
				b.Fatal(err)
			}
			if err := open.Close(); err != nil {
				b.Fatal(err)
			}
			x := newBench(b, cards[0].Module)
			x.login(x.read(x.pool.List), democard.PIN)
			var reads, logins []time.Duration
			for range rounds {
				begun := time.Now()
				c := x.read(x.pool.List)
				reads = append(reads, time.Since(begun))
				begun = time.Now()
				x.login(c, democard.PIN)
				logins = append(logins, time.Since(begun))
			}
			x.report(reads, logins)
		})
	}
}
