package revocation

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// Method is a way to learn whether a certificate is revoked.
type Method int

// The methods: revocation lists (RFC 5280), and the Online Certificate Status Protocol
// (RFC 6960).
const (
	CRL Method = iota
	OCSP
)

// The defaults, and the limits that are no settings.
const (
	DefaultWait         = 5 * time.Second
	DefaultFetchTimeout = time.Minute
	DefaultRefresh      = time.Hour
	DefaultMaxListBytes = 32 << 20
	DefaultMaxEntries   = 1_000_000
	DefaultMaxLists     = 64
	DefaultSkew         = 5 * time.Minute

	minRefresh   = 10 * time.Second
	maxRedirects = 3
	// maxAnswer is the size of an answer of OCSP, in bytes.
	maxAnswer = 64 << 10
	// maxAnswers is how many answers of OCSP are remembered.
	maxAnswers = 10_000
)

// Options describe a Checker. The zero value is one that asks the lists, then the
// responders, that the certificates name, and remembers them in memory.
type Options struct {
	// Methods in the order of asking, each once; empty is CRL, then OCSP. The first that
	// knows the certificate's status says it, so that OCSP is asked where no list can be
	// had or the certificate names none.
	Methods []Method
	// Authorities are the roots and intermediates of the trust groups. A list that an
	// issuer signs with a new key counts where the new key's certificate is among them and
	// leads to the same root; their own lists are fetched as soon as the Checker is made.
	Authorities []*x509.Certificate
	// Sources are addresses for lists of issuers, in place of those that certificates name.
	Sources []Source
	// Store is where fetched lists are kept across restarts and shared by instances; nil is
	// memory alone. What comes from it is verified as what comes from the network.
	Store Store
	// Soft accepts certificates of which nothing is known, and logs each. One that a list
	// says is revoked is refused all the same, also by a list that has expired.
	Soft bool

	// Wait is how long Check waits for the network at most; 0 is 5 s.
	Wait time.Duration
	// FetchTimeout ends a fetch, for which nobody may be waiting any more; 0 is a minute.
	FetchTimeout time.Duration
	// Refresh is how old a list may become before it is fetched anew, at most; 0 is an hour.
	// A list that is valid for a short time is fetched after a quarter of it. An answer of OCSP
	// is remembered no longer.
	Refresh time.Duration
	// MaxListBytes, MaxEntries and MaxLists bound one list, and how many there are; 0 is
	// 32 MiB, a million and 64. A list of 200,000 entries takes about 6 MB once it is read,
	// and 150 MB more while it is.
	MaxListBytes int64
	MaxEntries   int
	MaxLists     int
	// AllowPrivate are networks beside the public one from which lists may come: loopback,
	// private (RFC 1918, RFC 4193), link-local and others are refused unless they are in
	// one of these. It does not concern a proxy.
	AllowPrivate []netip.Prefix
	// Skew is by how much the clocks of the issuer and this machine may differ; 0 is 5 min.
	// A list counts until its nextUpdate in any case, and no longer.
	Skew time.Duration

	// Proxy chooses a request's proxy; nil does by the environment, as it is when the Checker
	// is made (HTTP_PROXY, HTTPS_PROXY, NO_PROXY).
	Proxy func(*http.Request) (*url.URL, error)
	// Log gets what is fetched, what fails and what Soft accepts; nil is slog.Default().
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Source is where the lists of one issuer are.
type Source struct {
	Issuer    *x509.Certificate
	Addresses []string // http or https; each has the whole list
}

// complete fills in the defaults and says what cannot be.
func (o Options) complete() (Options, error) {
	for value, standard := range map[*time.Duration]time.Duration{
		&o.Wait: DefaultWait, &o.FetchTimeout: DefaultFetchTimeout, &o.Refresh: DefaultRefresh, &o.Skew: DefaultSkew,
	} {
		if *value == 0 {
			*value = standard
		}
		if *value < 0 {
			return o, errors.New("revocation: a negative duration")
		}
	}
	if o.MaxListBytes == 0 {
		o.MaxListBytes = DefaultMaxListBytes
	}
	if o.MaxEntries == 0 {
		o.MaxEntries = DefaultMaxEntries
	}
	if o.MaxLists == 0 {
		o.MaxLists = DefaultMaxLists
	}
	if o.MaxListBytes < 0 || o.MaxEntries < 0 || o.MaxLists < 0 {
		return o, errors.New("revocation: a negative bound")
	}
	if o.Refresh < minRefresh {
		return o, fmt.Errorf("revocation: lists refreshed every %s, at least %s", o.Refresh, minRefresh)
	}
	if len(o.Methods) == 0 {
		o.Methods = []Method{CRL, OCSP}
	}
	for i, m := range o.Methods {
		if m != CRL && m != OCSP || slices.Contains(o.Methods[:i], m) {
			return o, fmt.Errorf("revocation: method %d is unknown, or there twice", m)
		}
	}
	if slices.Contains(o.Authorities, nil) {
		return o, errors.New("revocation: a nil certificate among the authorities")
	}
	for _, s := range o.Sources {
		if s.Issuer == nil || len(s.Addresses) == 0 {
			return o, errors.New("revocation: a source without issuer or without address")
		}
		for _, address := range s.Addresses {
			if err := checkAddress(address); err != nil {
				return o, err
			}
		}
	}
	if o.Store == nil {
		o.Store = noStore{}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}
