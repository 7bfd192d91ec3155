package revocation_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/authtoken/revocation"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/caservice"
	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// A chain is checked before and after its card is revoked. The demonstration's CA service
// stands for the real one: it is on this machine, which has to be allowed.
func Example() {
	pki, service, card := demonstration()
	checker, err := revocation.New(revocation.Options{
		Authorities:  []*x509.Certificate{pki.Root.Cert, pki.Intermediate.Cert},
		AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Log:          slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer checker.Close()
	chain := []*x509.Certificate{card, pki.Intermediate.Cert, pki.Root.Cert}

	fmt.Println("before:", checker.Check(context.Background(), chain, time.Now()))

	if _, err := service.Do("revoke card"); err != nil {
		fmt.Println(err)
	}
	later, err := revocation.New(revocation.Options{
		AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Log:          slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer later.Close()
	err = later.Check(context.Background(), chain, time.Now())
	fmt.Println("after:", errors.Is(err, authtoken.ErrRevoked))
	// Output:
	// before: <nil>
	// after: true
}

// demonstration makes a PKI with its service and one card's certificate.
func demonstration() (*demopki.PKI, *caservice.Service, *x509.Certificate) {
	server := httptest.NewServer(nil)
	ofRoot, ofIntermediate := caservice.Addresses(server.URL)
	now := time.Now()
	pki, err := demopki.NewServed(now, ofRoot, ofIntermediate)
	if err != nil {
		panic(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	card, err := pki.Intermediate.Issue(demopki.Leaf{Holder: demopki.NewHolder("CPS", 1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), PublicKey: key.Public()})
	if err != nil {
		panic(err)
	}
	service, err := caservice.New(caservice.Options{PKI: pki, Find: func(string) ([]*x509.Certificate, error) { return []*x509.Certificate{card}, nil }})
	if err != nil {
		panic(err)
	}
	server.Config.Handler = service
	return pki, service, card
}
