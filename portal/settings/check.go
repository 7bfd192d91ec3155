package settings

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

func (s *Settings) check() error {
	if err := s.checkOrigin(); err != nil {
		return s.Err("origin", err.Error())
	}
	if s.Name == "" || visible.Text(s.Name) != s.Name {
		return s.Err("name", "must be a text of printable characters")
	}
	if !addressAndPort(s.Listen) {
		return s.Err("listen", `must be an address and a port, such as "127.0.0.1:8443" or ":443"`)
	}
	for _, host := range s.Hosts {
		if host == "" || host != HostOnly(host) || strings.ContainsAny(host, "/*@ ") {
			return s.Err("hosts", fmt.Sprintf("%q: a name or an address in lower case, without scheme and port", host))
		}
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		return s.Err("tls_cert", "tls_cert and tls_key go together")
	}
	if f, n := s.CardLogin.PortsFirst, s.CardLogin.PortsCount; f < 1024 || n < 1 || n > 100 || f+n > 65536 {
		return s.Err("card_login.ports_first", "a range of at most 100 ports between 1024 and 65535")
	}
	if at := s.CardLogin.InstallURL; at != "" && !ownOrHTTPS(at) {
		return s.Err("card_login.install_url", "must be a path of this site, or an address that begins with https://")
	}
	if err := s.checkGroups(); err != nil {
		return err
	}
	if err := s.checkKinds(); err != nil {
		return err
	}
	if err := s.checkRevocation(); err != nil {
		return err
	}
	return s.checkExposure()
}

// addressAndPort reports whether a listener can have the address.
func addressAndPort(listen string) bool {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || strings.ContainsAny(host, "/ *") {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// ownOrHTTPS reports whether a link leads to this site, or elsewhere on https.
func ownOrHTTPS(at string) bool {
	// Browsers read a backslash as a slash, and pass over control characters.
	if strings.ContainsFunc(at, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) {
		return false
	}
	u, err := url.Parse(at)
	if err != nil {
		return false
	}
	if u.Scheme == "" {
		return u.Host == "" && strings.HasPrefix(at, "/") && !strings.HasPrefix(at, "//")
	}
	return strings.HasPrefix(at, "https://") && u.Hostname() != "" && u.User == nil
}

// kinds are the card kinds that there are.
var kinds = []string{"CPS", "CPF", "CPE", "CPA", "CDE", "CDA"}

func (s *Settings) checkKinds() error {
	for policy, kind := range s.Kinds {
		if _, err := x509.ParseOID(policy); err != nil {
			return s.Err("kinds."+policy, notOID)
		}
		if !slices.Contains(kinds, kind) {
			return s.Err("kinds."+policy, fmt.Sprintf("%q is no kind of card: one of %s", kind, strings.Join(kinds, ", ")))
		}
	}
	return nil
}

const notOID = `must be an OID in numbers and dots, such as "1.2.250.1.71"`

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
	local := s.Local()
	switch {
	case test && !local && !s.AllowTestGroups:
		return s.Err("trust_group", "a test group is refused beyond this machine (allow_test_groups = true allows it): test cards can be made by anyone")
	case !s.HTTPS() && !local && !s.AllowInsecure:
		return s.Err("origin", "plain http is refused beyond this machine (allow_insecure = true allows it)")
	case s.HTTPS() && s.TLSCert == "" && !s.loopback() && len(s.Proxies) == 0 && !s.AllowInsecure:
		return s.Err("listen", "other machines could reach this address on plain http, since tls_cert is missing, while the origin is https: "+
			"name tls_cert and tls_key; or listen on 127.0.0.1 behind a proxy on this machine; "+
			"or name the proxy on another machine, or before a container, that has the site's certificate, in proxies (allow_insecure = true allows it without)")
	case production:
		if keys := s.texts.sample(); len(keys) > 0 {
			cure := "copy the sample (portal/settings/sample.toml), write your own into the copy, and name it here: texts = \"texts.toml\""
			if s.Texts != "" {
				cure = "write your own into " + s.Texts
			}
			return s.Err("texts", fmt.Sprintf("still the sample's, marked TEST or under .invalid: %s. Production needs your own: %s", strings.Join(keys, ", "), cure))
		}
		if s.Revocation == RevocationOff {
			return s.Err("revocation", `"off" is refused with a trust group that is not marked as test: a card that was lost would still log in`)
		}
	}
	return nil
}
