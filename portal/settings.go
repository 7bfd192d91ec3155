package portal

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
	"github.com/cpx-bridge/cpx-bridge/internal/textfile"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

// SettingsError is a setting that keeps the portal from starting.
type SettingsError = tomlfile.Error

// Settings are the portal's settings file. Paths in it are relative to the file.
type Settings struct {
	Name   string `toml:"name"`   // the site's name as people see it
	Origin string `toml:"origin"` // exactly as browsers send it
	Listen string `toml:"listen"` // address:port
	// Hosts are names besides the origin's under which the site answers: to what watches
	// over it by its address, or through a proxy that does not pass the browser's Host on.
	Hosts    []string `toml:"hosts"`
	Database string   `toml:"database"` // a file
	Texts    string   `toml:"texts"`    // regions and contacts; "": the sample's
	TLSCert  string   `toml:"tls_cert"` // "": plain http, behind a proxy or on loopback
	TLSKey   string   `toml:"tls_key"`

	// AllowInsecure and AllowTestGroups permit plain http and test cards beyond
	// this machine.
	AllowInsecure   bool `toml:"allow_insecure"`
	AllowTestGroups bool `toml:"allow_test_groups"`

	Revocation string `toml:"revocation"` // "off", for test groups only
	Session    struct {
		Idle  duration `toml:"idle"`
		Total duration `toml:"total"`
	} `toml:"session"`
	CardLogin struct {
		PortsFirst int `toml:"ports_first"`
		PortsCount int `toml:"ports_count"`
		// InstallURL is where a person gets the agent: on this site, or elsewhere on https.
		InstallURL string `toml:"install_url"`
	} `toml:"card_login"`
	TrustGroups []TrustGroup      `toml:"trust_group"`
	Kinds       map[string]string `toml:"kinds"` // certificate policy to card kind

	file  string
	lines tomlfile.Lines
	texts *Texts
}

// TrustGroup is a set of CAs, and what the certificates they issue must and must
// not say.
type TrustGroup struct {
	Name             string   `toml:"name"`
	Test             bool     `toml:"test"`
	Roots            []string `toml:"roots"` // PEM files
	Intermediates    []string `toml:"intermediates"`
	RequiredPolicies []string `toml:"required_policies"`
	RefusedPolicies  []string `toml:"refused_policies"`
	StrictPolicies   bool     `toml:"strict_policies"`
	RequireEKU       bool     `toml:"require_eku"`
	MinRSABits       int      `toml:"min_rsa_bits"`
}

// duration is written as "15m".
type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err == nil && parsed <= 0 {
		err = errors.New("a duration must be more than zero")
	}
	*d = duration(parsed)
	return err
}

// LoadSettings reads and checks the file. Errors are of type *SettingsError.
func LoadSettings(path string) (*Settings, error) {
	text, err := plainfile.ReadHanded(path, handedPatience)
	if err != nil {
		return nil, &SettingsError{File: path, Text: "cannot be read: " + err.Error()}
	}
	s := &Settings{Name: "Portail des professionnels", Listen: "127.0.0.1:8443", Database: "portal.db", file: path}
	s.Session.Idle, s.Session.Total = duration(15*time.Minute), duration(10*time.Hour)
	s.CardLogin.PortsFirst, s.CardLogin.PortsCount = 27720, 10
	if s.lines, err = tomlfile.Decode(path, text, s); err != nil {
		return nil, err
	}
	for _, p := range []*string{&s.Database, &s.Texts, &s.TLSCert, &s.TLSKey} {
		s.resolve(p)
	}
	for i := range s.TrustGroups {
		for _, list := range [][]string{s.TrustGroups[i].Roots, s.TrustGroups[i].Intermediates} {
			for j := range list {
				s.resolve(&list[j])
			}
		}
	}
	if s.texts, err = loadTexts(s.Texts); err != nil {
		return nil, err
	}
	return s, s.check()
}

// handedPatience is how long a pipe that was opened for the portal has to give its content:
// somebody may have to unlock a store of secrets first.
const handedPatience = 30 * time.Second

func (s *Settings) resolve(path *string) {
	if *path != "" && !filepath.IsAbs(*path) {
		*path = filepath.Join(filepath.Dir(s.file), *path)
	}
}

func (s *Settings) err(key, text string) error {
	return &SettingsError{File: s.file, Line: s.lines[key], Key: key, Text: text}
}

func (s *Settings) check() error {
	if err := s.checkOrigin(); err != nil {
		return s.err("origin", err.Error())
	}
	if _, _, err := net.SplitHostPort(s.Listen); err != nil {
		return s.err("listen", err.Error())
	}
	for _, host := range s.Hosts {
		if host == "" || host != hostOnly(host) || strings.ContainsAny(host, "/*@ ") {
			return s.err("hosts", fmt.Sprintf("%q: a name or an address in lower case, without scheme and port", host))
		}
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return s.err("tls_cert", "tls_cert and tls_key go together")
	}
	if f, n := s.CardLogin.PortsFirst, s.CardLogin.PortsCount; f < 1024 || n < 1 || n > 100 || f+n > 65536 {
		return s.err("card_login.ports_first", "a range of at most 100 ports between 1024 and 65535")
	}
	if at := s.CardLogin.InstallURL; at != "" && !strings.HasPrefix(at, "https://") && (!strings.HasPrefix(at, "/") || strings.HasPrefix(at, "//")) {
		return s.err("card_login.install_url", "a path of this site, or an address that begins with https://")
	}
	if len(s.TrustGroups) == 0 {
		return s.err("trust_group", "at least one is needed: without a CA no card can be accepted")
	}
	if s.Revocation != "off" {
		return s.err("revocation", `must be stated; the only value of this version is "off", for trust groups marked as test`)
	}
	return s.checkExposure()
}

// checkOrigin allows plain http where the settings do, of a site that is else as browsers
// write it.
func (s *Settings) checkOrigin() error {
	if rest, plain := strings.CutPrefix(s.Origin, "http://"); plain && s.AllowInsecure && !authtoken.IsLoopbackHTTP(s.Origin) {
		return authtoken.CheckOrigin("https://" + rest)
	}
	if err := authtoken.CheckOrigin(s.Origin); err != nil && !authtoken.IsLoopbackHTTP(s.Origin) {
		return err
	}
	return nil
}

// checkExposure refuses settings that are fit only for a demonstration where
// other machines can reach the site.
func (s *Settings) checkExposure() error {
	test := slices.ContainsFunc(s.TrustGroups, func(g TrustGroup) bool { return g.Test })
	production := slices.ContainsFunc(s.TrustGroups, func(g TrustGroup) bool { return !g.Test })
	local := s.local()
	switch {
	case test && !local && !s.AllowTestGroups:
		return s.err("trust_group", "a test group is refused beyond this machine (allow_test_groups = true allows it): test cards can be made by anyone")
	case !s.https() && !local && !s.AllowInsecure:
		return s.err("origin", "plain http is refused beyond this machine (allow_insecure = true allows it)")
	case production:
		if key, bad := s.texts.sample(); bad {
			return s.err("texts", fmt.Sprintf("%s: still the sample's contact, marked TEST or under .invalid; production needs your own", key))
		}
		return s.err("revocation", `"off" is refused with a trust group that is not marked as test: a card that was lost would still log in`)
	}
	return nil
}

func (s *Settings) https() bool { return strings.HasPrefix(s.Origin, "https://") }

// local reports whether the site is for this machine alone: it listens on
// loopback, and its name is one that no network resolves (RFC 6761). The name is
// needed because behind a proxy a portal listens on loopback too.
func (s *Settings) local() bool {
	host, _, _ := net.SplitHostPort(s.Listen)
	if a, err := netip.ParseAddr(host); (err != nil || !a.IsLoopback()) && host != "localhost" {
		return false
	}
	u, err := url.Parse(s.Origin)
	if err != nil {
		return false
	}
	name := u.Hostname()
	if a, err := netip.ParseAddr(name); err == nil {
		return a.IsLoopback()
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	return slices.Contains([]string{"localhost", "test", "invalid", "example"}, last)
}

// testGroups reports whether test cards are accepted, which the pages then say.
func (s *Settings) testGroups() bool {
	return slices.ContainsFunc(s.TrustGroups, func(g TrustGroup) bool { return g.Test })
}

// profile reads the trust groups' CAs.
func (s *Settings) profile() (authtoken.Profile, error) {
	p := authtoken.Profile{AllowTestCards: s.testGroups()}
	for _, g := range s.TrustGroups {
		roots, err := s.certificates("trust_group.roots", g.Roots)
		if err != nil {
			return p, err
		}
		intermediates, err := s.certificates("trust_group.intermediates", g.Intermediates)
		if err != nil {
			return p, err
		}
		p.TrustGroups = append(p.TrustGroups, authtoken.TrustGroup{
			Name: g.Name, Test: g.Test, Roots: roots, Intermediates: intermediates,
			RequiredPolicies: g.RequiredPolicies, RefusedPolicies: g.RefusedPolicies, StrictPolicies: g.StrictPolicies, RequireEKU: g.RequireEKU, MinRSABits: g.MinRSABits,
		})
	}
	return p, nil
}

func (s *Settings) certificates(key string, paths []string) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for _, path := range paths {
		text, err := plainfile.ReadHanded(path, handedPatience)
		if err != nil {
			return nil, s.err(key, err.Error())
		}
		text, is := textfile.Read(text)
		if is != textfile.UTF8 {
			return nil, s.err(key, fmt.Sprintf("%s is saved as %s: save it as UTF-8", path, is))
		}
		before := len(list)
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, s.err(key, path+": "+err.Error())
			}
			list = append(list, c)
		}
		if len(list) == before {
			return nil, s.err(key, path+" holds no certificate in PEM")
		}
	}
	return list, nil
}

// keyPair is the site's own certificate with its key.
func (s *Settings) keyPair() (tls.Certificate, error) {
	var read [2][]byte
	for i, path := range []string{s.TLSCert, s.TLSKey} {
		var err error
		if read[i], err = plainfile.ReadHanded(path, handedPatience); err != nil {
			return tls.Certificate{}, s.err([]string{"tls_cert", "tls_key"}[i], err.Error())
		}
	}
	pair, err := tls.X509KeyPair(read[0], read[1])
	if err != nil {
		return pair, s.err("tls_cert", err.Error())
	}
	return pair, nil
}
