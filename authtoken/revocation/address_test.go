package revocation

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// TestAddressesThatAreRefused: whatever is none of the public network, in every spelling
// that a dialler would follow, and what lies beside it.
func TestAddressesThatAreRefused(t *testing.T) {
	f := newFetcher(Options{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}})
	for _, text := range []string{
		"127.0.0.1", "127.255.255.254", "::1", "0.0.0.0", "::", "10.0.0.1", "10.2.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
		"192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"fe80::1", "fe80::1%eth0", "fc00::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
		"64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "100::1", "fec0::1", "192.88.99.1", "3fff::1", "5f00::1",
	} {
		if err := f.checkIP(netip.MustParseAddr(text)); !reasonIs(err, ReasonAddressRefused) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"9.9.9.9", "172.32.0.1", "100.128.0.1", "192.169.0.1", "2606:4700::1111", "10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5"} {
		if err := f.checkIP(netip.MustParseAddr(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestDialledAddress: what counts is what a name leads to, not how it is written.
func TestDialledAddress(t *testing.T) {
	w := newWorld(t)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(w.server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	chain := w.card()
	for _, host := range []string{"127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"} {
		w.pki.Intermediate.Services = demopki.Services{CRL: []string{"http://" + host + ":" + port + "/ca.crl"}, OCSP: []string{"http://" + host + ":" + port + "/ocsp"}}
		err := w.checker(func(o *Options) { o.AllowPrivate = nil }).Check(t.Context(), w.card()[:2], w.now)
		got := Reasons(err)
		// Some spellings are an address to some resolvers and nothing to others.
		strange := host == "127.1" || strings.HasPrefix(host, "0x") || host == "2130706433"
		if slices.Contains(got, "") || err == nil || !strange && !slices.Equal(got, []Reason{ReasonAddressRefused, ReasonAddressRefused}) {
			t.Errorf("%s: %v", host, err)
		}
	}
	_ = chain
	if n := w.count("/ca.crl") + w.count("/ocsp"); n != 0 {
		t.Errorf("%d requests came in", n)
	}
}

// TestProxy: by the environment as it is at the start; the proxy itself may be anywhere, but
// a list's address that is written as a number, or as localhost, may not.
func TestProxy(t *testing.T) {
	w := newWorld(t)
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.String())
		r.URL.Path = "/ca.crl"
		w.serve(rw, r)
	}))
	defer proxy.Close()
	for _, name := range []string{"NO_PROXY", "no_proxy", "HTTPS_PROXY", "https_proxy", "http_proxy", "REQUEST_METHOD"} {
		t.Setenv(name, "")
	}
	t.Setenv("HTTP_PROXY", proxy.URL)
	only := func(o *Options) { o.AllowPrivate = nil }
	through := w.checker(only)
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	w.pki.Intermediate.Services.CRL = []string{"http://crl.example.fr/ca.crl"}
	if err := through.Check(t.Context(), w.card()[:2], w.now); err != nil {
		t.Error(err)
	}
	if got := asked.Load(); got != "http://crl.example.fr/ca.crl" {
		t.Errorf("the proxy was asked for %v", got)
	}
	byProxy := func(o *Options) {
		o.AllowPrivate = nil
		o.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
	}
	for _, host := range []string{"10.0.0.1", "localhost", "LOCALHOST.", "a.localhost", "[::1]", "169.254.169.254", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.09"} {
		w.pki.Intermediate.Services.CRL = []string{"http://" + host + "/ca.crl"}
		if err := w.checker(byProxy).Check(t.Context(), w.card()[:2], w.now); !slices.Contains(Reasons(err), ReasonAddressRefused) {
			t.Errorf("%s: %v", host, err)
		}
	}
}
