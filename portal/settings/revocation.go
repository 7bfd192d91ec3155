package settings

import (
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/authtoken/revocation"
)

// What the setting "revocation" may be.
const (
	// RevocationCRL asks the lists that certificates name, then the OCSP responders that they
	// name where no list counts.
	RevocationCRL = "crl"
	// RevocationOff asks nobody; it is for test groups alone.
	RevocationOff = "off"
)

// CRL is how lists of revoked certificates are fetched.
type CRL struct {
	// Soft accepts a card of which nobody knows whether it is revoked.
	Soft bool `toml:"soft"`
	// Folder is where lists are between two runs; "" is the database, which instances share.
	Folder string `toml:"folder"`
	// AllowPrivate are networks beside the public one where lists may be.
	AllowPrivate []string `toml:"allow_private"`
	// Refresh is how old a list may become before it is fetched anew; Wait how long a login
	// waits for a list.
	Refresh    Duration `toml:"refresh"`
	Wait       Duration `toml:"wait"`
	MaxMiB     int      `toml:"max_mib"` // of one list
	MaxEntries int      `toml:"max_entries"`
	Sources    []Source `toml:"source"`
}

// Source says where the lists of an issuer are, in place of what certificates name.
type Source struct {
	Issuer    string   `toml:"issuer"` // a PEM file
	Addresses []string `toml:"addresses"`
}

func (s *Settings) checkRevocation() error {
	switch s.Revocation {
	case RevocationCRL:
	case RevocationOff:
		if line := s.lines["crl"]; line > 0 {
			return s.Err("crl", `has no effect with revocation = "off": take it out, or set revocation = "crl"`)
		}
	default:
		return s.Err("revocation", `must be stated: "crl", or "off" with trust groups marked as test alone`)
	}
	if _, err := s.CRL.private(); err != nil {
		return s.Err("crl.allow_private", err.Error())
	}
	for key, bound := range map[string]struct {
		value    Duration
		min, max time.Duration
	}{"crl.refresh": {s.CRL.Refresh, 10 * time.Second, 24 * time.Hour}, "crl.wait": {s.CRL.Wait, time.Second, 25 * time.Second}} {
		if v := time.Duration(bound.value); v != 0 && (v < bound.min || v > bound.max) {
			return s.Err(key, fmt.Sprintf("must be from %s to %s", bound.min, bound.max))
		}
	}
	for key, bound := range map[string][2]int{"crl.max_mib": {s.CRL.MaxMiB, 1024}, "crl.max_entries": {s.CRL.MaxEntries, 50_000_000}} {
		if s.lines[key] > 0 && (bound[0] < 1 || bound[0] > bound[1]) {
			return s.Err(key, fmt.Sprintf("must be from 1 to %d", bound[1]))
		}
	}
	return s.checkSources()
}

func (s *Settings) checkSources() error {
	for i, source := range s.CRL.Sources {
		at := fmt.Sprintf("crl.source[%d].", i)
		if source.Issuer == "" {
			return s.Err(at+"issuer", "names the issuer's certificate, a PEM file")
		}
		if len(source.Addresses) == 0 {
			return s.Err(at+"addresses", "at least one address is needed")
		}
		for _, address := range source.Addresses {
			if u, err := url.Parse(address); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
				return s.Err(at+"addresses", fmt.Sprintf("%q: must be an address that begins with http:// or https://", address))
			}
		}
	}
	return nil
}

// private are the networks of AllowPrivate.
func (c CRL) private() (list []netip.Prefix, err error) {
	for _, text := range c.AllowPrivate {
		prefix, err := netip.ParsePrefix(text)
		if a, single := netip.ParseAddr(text); err != nil && single == nil {
			prefix, err = a.Prefix(a.BitLen())
		}
		if err != nil {
			return nil, fmt.Errorf("%q: must be a network such as \"10.0.0.0/8\", or an address", text)
		}
		list = append(list, prefix)
	}
	return list, nil
}

// CheckerOptions are the options of a checker of revocation for a profile of these settings,
// which lacks its store, its log and its clock. Errors are of type *Error.
func (s *Settings) CheckerOptions(p authtoken.Profile) (revocation.Options, error) {
	private, err := s.CRL.private()
	if err != nil {
		return revocation.Options{}, s.Err("crl.allow_private", err.Error())
	}
	o := revocation.Options{
		Soft: s.CRL.Soft, AllowPrivate: private, Refresh: time.Duration(s.CRL.Refresh), Wait: time.Duration(s.CRL.Wait),
		MaxListBytes: int64(s.CRL.MaxMiB) << 20, MaxEntries: s.CRL.MaxEntries,
	}
	for _, g := range p.TrustGroups {
		o.Authorities = append(append(o.Authorities, g.Roots...), g.Intermediates...)
	}
	for i, source := range s.CRL.Sources {
		key := fmt.Sprintf("crl.source[%d].issuer", i)
		issuers, err := s.certificates(key, []string{source.Issuer})
		if err != nil {
			return o, err
		}
		if len(issuers) > 1 {
			return o, s.Err(key, "has several certificates: one is needed")
		}
		o.Sources = append(o.Sources, revocation.Source{Issuer: issuers[0], Addresses: source.Addresses})
	}
	return o, nil
}
