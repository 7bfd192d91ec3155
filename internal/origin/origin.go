// Package origin is the grammar of a web origin as browsers serialise it (HTML
// standard, "ASCII serialisation of an origin"; URL standard, "host parsing" and
// "host serializing"): of the agent that lets a page in, of the token that is
// signed over it, and of the site that checks the token.
//
// It takes https://host and https://host:port in lower-case ASCII, without
// default port, path or trailing dot, and http on this very machine. A host is an
// IPv4 address, an IPv6 address in brackets, each in the one form that browsers
// write, or a name of letters, digits, "-" and "_" with the lengths of DNS (RFC
// 1035, 2.3.4). So it is narrower than the URL standard, which takes "!" in a
// name, and never wider: what it takes, a browser writes in the same way, the
// digits of an internationalised name (xn--…) aside, which it does not decode.
//
// Its functions and methods may be called concurrently. It knows no policy and
// asks no name server.
package origin

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// MaxLength is the longest origin taken, in characters, as in the Web eID token.
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

// Parse takes exactly what a browser would send. The error is ErrMalformed or
// ErrPlainHTTP, wrapped.
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

// cutPort: the last colon is the port's, unless it stands inside an IPv6 address.
func cutPort(authority string) (host, digits string, found bool) {
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		return authority[:i], authority[i+1:], true
	}
	return authority, "", false
}

// parsePort takes no 0, of which no server can be reached.
func parsePort(digits string) (int, bool) {
	n, err := strconv.ParseUint(digits, 10, 16)
	return int(n), err == nil && n > 0 && strconv.FormatUint(n, 10) == digits
}

// String is the origin as it was given.
func (o Origin) String() string { return o.text }

// Host is its host, of an IPv6 address without brackets.
func (o Origin) Host() string { return o.host }

// Port is its port, also where that is the scheme's own and not spelled out.
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

// HasPort says whether a port is spelled out, which is never the scheme's own.
func (o Origin) HasPort() bool { return o.port != 0 }

// IsIP says whether its host is an address and not a name.
func (o Origin) IsIP() bool { return o.ip }

// IsLoopbackHTTP says whether it is http, which is on this very machine: good for
// demonstrations and development, never for a site that others use.
func (o Origin) IsLoopbackHTTP() bool { return o.plain }

// parseHost gives an IPv6 address without its brackets.
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

// isIPv6 takes the form of the URL standard's serializer. It is that of RFC 5952
// but for addresses that hold an IPv4 address, whose end is hexadecimal too.
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
// label is an IPv4 address or nothing. 4hopital is none, nor is 0xyz.
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
