package revocation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/http/httpproxy"
)

var (
	errLDAP   = errors.New("lists are not fetched by LDAP")
	errScheme = errors.New("neither http nor https")
	errHost   = errors.New("no address of a server, or one with a user's name")
)

// fetcher gets lists and answers by HTTP. Its rules are those of the address in the
// certificate, and of each to which a server redirects: what is dialled in the end must be
// of the public network, or allowed. A proxy is the administrator's own choice, and may be
// anywhere; what it reaches then is its own business, but for addresses that are written as
// numbers.
type fetcher struct {
	allowed []netip.Prefix
	proxy   func(*http.Request) (*url.URL, error)
	direct  http.RoundTripper
	proxied http.RoundTripper
	idle    func()
	client  *http.Client
}

func newFetcher(o Options) *fetcher {
	f := &fetcher{allowed: o.AllowPrivate, proxy: o.Proxy}
	if f.proxy == nil {
		byEnvironment := httpproxy.FromEnvironment().ProxyFunc()
		f.proxy = func(r *http.Request) (*url.URL, error) { return byEnvironment(r.URL) }
	}
	transport := func(dialer *net.Dialer) *http.Transport {
		return &http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConns: 8, IdleConnTimeout: 30 * time.Second,
		}
	}
	direct := transport(&net.Dialer{Timeout: 10 * time.Second, ControlContext: f.control})
	byProxy := transport(&net.Dialer{Timeout: 10 * time.Second})
	byProxy.Proxy = f.proxy
	f.direct, f.proxied = direct, byProxy
	f.idle = func() { direct.CloseIdleConnections(); byProxy.CloseIdleConnections() }
	f.client = &http.Client{Transport: f, CheckRedirect: checkRedirect}
	return f
}

func (f *fetcher) closeIdle() { f.idle() }

func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return refuse(ReasonTooManyRedirects, "more than %d redirects", maxRedirects)
	}
	return checkAddress(r.URL.String())
}

// RoundTrip sends one request, of which several make a fetch where servers redirect.
func (f *fetcher) RoundTrip(r *http.Request) (*http.Response, error) {
	proxy, err := f.proxy(r)
	if err != nil {
		return nil, fmt.Errorf("the proxy's address: %w", err)
	}
	if proxy == nil {
		return f.direct.RoundTrip(r)
	}
	host := strings.TrimSuffix(strings.ToLower(r.URL.Hostname()), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if err := f.checkIP(ip); err != nil {
			return nil, err
		}
	} else if endsInNumber(host) {
		return nil, refuse(ReasonAddressRefused, "%q is no name, and no address as it is written today", host)
	}
	return f.proxied.RoundTrip(r)
}

// endsInNumber reports whether a host's last part is a number, as in 127.1 and 0x7f000001:
// no name ends so, and proxies read such texts as addresses (URL Standard, 3.5).
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil || last != "" && strings.Trim(last, "0123456789") == ""
}

// control is called with the address that is dialled, after its name was resolved.
func (f *fetcher) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Error{Reason: ReasonAddressRefused, Err: err}
	}
	return f.checkIP(to.Addr())
}

// notPublic are networks beside those that netip names: this network, shared addresses of
// providers (RFC 6598), those of protocols, documentation and tests (RFC 6890, 9637), reserved
// ones, and those of IPv6 in which an address of IPv4 is hidden (RFC 6052, 3056, 4380).
var notPublic = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10")

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

func (f *fetcher) checkIP(ip netip.Addr) error {
	ip = ip.Unmap().WithZone("")
	public := ip.IsGlobalUnicast() && !ip.IsPrivate()
	for _, p := range notPublic {
		public = public && !p.Contains(ip)
	}
	if public {
		return nil
	}
	for _, p := range f.allowed {
		if p.Contains(ip) {
			return nil
		}
	}
	return refuse(ReasonAddressRefused, "%s is none of the public network, and Options.AllowPrivate (the portal's crl.allow_private) does not name it", ip)
}

// fetched is what a server answered.
type fetched struct {
	body           []byte
	unchanged      bool // since it was last fetched: body is empty
	etag, modified string
}

// get fetches a list, of at most limit bytes, unless it is still what known describes.
func (f *fetcher) get(ctx context.Context, address string, limit int64, known Stored) (fetched, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fetched{}, &Error{Reason: ReasonAddressRefused, Address: address, Err: err}
	}
	if known.ETag != "" {
		r.Header.Set("If-None-Match", known.ETag)
	}
	if known.Modified != "" {
		r.Header.Set("If-Modified-Since", known.Modified)
	}
	r.Header.Set("Accept", "application/pkix-crl, application/x-pkcs7-crl, */*;q=0.5")
	return f.do(r, limit, known.ETag != "" || known.Modified != "")
}

// post asks a responder.
func (f *fetcher) post(ctx context.Context, address string, question []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(question))
	if err != nil {
		return nil, &Error{Reason: ReasonAddressRefused, Address: address, Err: err}
	}
	r.Header.Set("Content-Type", "application/ocsp-request")
	r.Header.Set("Accept", "application/ocsp-response")
	answer, err := f.do(r, maxAnswer, false)
	return answer.body, err
}

func (f *fetcher) do(r *http.Request, limit int64, conditional bool) (fetched, error) {
	address := r.URL.String()
	r.Header.Set("User-Agent", "cpx-bridge-revocation")
	answer, err := f.client.Do(r)
	if err != nil {
		return fetched{}, at(address, fetchError(err))
	}
	defer answer.Body.Close()
	if conditional && answer.StatusCode == http.StatusNotModified {
		return fetched{unchanged: true}, nil
	}
	if err := checkAnswer(answer, limit); err != nil {
		return fetched{}, at(address, err)
	}
	var body bytes.Buffer
	if answer.ContentLength > 0 {
		body.Grow(int(answer.ContentLength) + bytes.MinRead)
	}
	n, err := body.ReadFrom(io.LimitReader(answer.Body, limit+1))
	switch {
	case n > limit:
		return fetched{}, at(address, refuse(ReasonTooLarge, "more than %d bytes", limit))
	case err != nil:
		return fetched{}, at(address, fetchError(err))
	}
	return fetched{body: body.Bytes(), etag: answer.Header.Get("ETag"), modified: answer.Header.Get("Last-Modified")}, nil
}

func checkAnswer(answer *http.Response, limit int64) error {
	if answer.StatusCode != http.StatusOK {
		return refuse(ReasonUnavailable, "the server answered %s", answer.Status)
	}
	// gzip is undone by net/http, which asked for it.
	if encoding := answer.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return refuse(ReasonUnavailable, "the server sent it encoded as %.20q, which nobody asked for", encoding)
	}
	if answer.ContentLength > limit {
		return refuse(ReasonTooLarge, "%d bytes, at most %d", answer.ContentLength, limit)
	}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind == "text/html" && answer.Request.Method == http.MethodPost {
		return refuse(ReasonNotAnAnswer, "a page of HTML came")
	}
	return nil
}

// fetchError gives a failure of the network its reason.
func fetchError(err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err // without the address, which is named beside it
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return refuse(ReasonTimeout, "the server did not answer in time")
	}
	return refuse(ReasonUnavailable, "%w", err)
}
