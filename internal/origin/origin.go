// Package origin is the grammar of a web origin as browsers serialise it (HTML
// standard, "ASCII serialisation of an origin"; URL standard, "host parsing" and
// "host serializing"). The agent that admits a page, the token that is signed over
// its origin and the site that checks the token all use it.
//
// It accepts https://host and https://host:port in lower-case ASCII, without
// default port, path or trailing dot, and http on this machine. A host is an IPv4
// address or an IPv6 address in brackets, each in the one form that browsers
// write, or a name of letters, digits, "-" and "_" with the lengths of DNS (RFC
// 1035, 2.3.4). So it is narrower than the URL standard, which allows "!" in a
// name, and never wider: browsers write what it accepts in the same way, except
// that it does not decode internationalised names (xn--…).
//
// Its functions and methods may be called concurrently. It never applies a policy
// and never asks a name server.
package origin

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// MaxLength is the longest origin accepted, in characters, as in the Web eID token.
const MaxLength = 255

// The errors of Parse.
var (
	ErrMalformed = errors.New("not an origin (https://host or https://host:port, lower case, no path)")
	ErrPlainHTTP = errors.New("plain http is taken for localhost and 127.0.0.1 only")
)

// Origin is a well-formed origin. The zero value is none.
type Origin struct {
	text  string
	host  string // an IPv6 address without its brackets
	port  int    // 0: the scheme's own
	plain bool   // http
	ip    bool
}

// Parse accepts exactly what a browser would send. The error wraps ErrMalformed or
// ErrPlainHTTP.
func Parse(text string) (Origin, error) {
	o, err := parse(text)
	if err != nil {
		return Origin{}, fmt.Errorf("%.*q: %w", MaxLength, text, err)
	}
	return o, nil
}

func parse(text string) (Origin, error) {
	scheme, authority, _ := strings.Cut(text, "://")
	if len(text) > MaxLength || scheme != "https" && scheme != "http" {
		return Origin{}, ErrMalformed
	}
	o := Origin{text: text, plain: scheme == "http"}
	host, digits, hasPort := cutPort(authority)
	if hasPort {
		var ok bool
		if o.port, ok = parsePort(digits); !ok || o.port == o.defaultPort() {
			return Origin{}, ErrMalformed
		}
	}
	var ok bool
	if o.host, o.ip, ok = parseHost(host); !ok {
		return Origin{}, ErrMalformed
	}
	if o.plain && host != "localhost" && host != "127.0.0.1" {
		return Origin{}, ErrPlainHTTP
	}
	return o, nil
}

// cutPort cuts at the last colon, unless that is inside an IPv6 address.
func cutPort(authority string) (host, digits string, found bool) {
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		return authority[:i], authority[i+1:], true
	}
	return authority, "", false
}

// parsePort refuses 0, at which no server can be reached.
func parsePort(digits string) (int, bool) {
	n, err := strconv.ParseUint(digits, 10, 16)
	return int(n), err == nil && n > 0 && strconv.FormatUint(n, 10) == digits
}

// String returns the origin as it was parsed.
func (o Origin) String() string { return o.text }

// Host returns its host, of an IPv6 address without the brackets.
func (o Origin) Host() string { return o.host }

// Port returns its port, also where it is the scheme's default and not written.
func (o Origin) Port() int {
	if o.port == 0 {
		return o.defaultPort()
	}
	return o.port
}

func (o Origin) defaultPort() int {
	if o.plain {
		return 80
	}
	return 443
}

// HasPort reports whether a port is written, which is never the scheme's default.
func (o Origin) HasPort() bool { return o.port != 0 }

// IsIP reports whether its host is an address and not a name.
func (o Origin) IsIP() bool { return o.ip }

// IsLoopbackHTTP reports whether it is http, and so on this machine: fit for
// demonstrations and development, never for a site that others use.
func (o Origin) IsLoopbackHTTP() bool { return o.plain }

// parseHost returns an IPv6 address without its brackets.
func parseHost(host string) (name string, ip, ok bool) {
	if inner, found := strings.CutPrefix(host, "["); found {
		inner, closed := strings.CutSuffix(inner, "]")
		return inner, true, closed && isIPv6(inner)
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if !isLabel(label) {
			return "", false, false
		}
	}
	if isNumber(labels[len(labels)-1]) {
		address, err := netip.ParseAddr(host)
		return host, true, err == nil && address.String() == host
	}
	return host, false, true
}

// isIPv6 accepts the form of the URL standard's serializer. It is that of RFC 5952
// except that an IPv4 address at the end is written in hexadecimal too.
func isIPv6(text string) bool {
	address, err := netip.ParseAddr(text)
	if err != nil || !address.Is6() || address.Zone() != "" {
		return false
	}
	if address.Is4In6() {
		b := address.As16()
		return text == fmt.Sprintf("::ffff:%x:%x", uint16(b[12])<<8|uint16(b[13]), uint16(b[14])<<8|uint16(b[15]))
	}
	return text == address.String()
}

// isNumber is the URL standard's "ends in a number": a host with such a last
// label is an IPv4 address or invalid. 4hopital is not a number, nor is 0xyz.
func isNumber(label string) bool {
	if digits, found := strings.CutPrefix(label, "0x"); found {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

func isLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		c := label[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
