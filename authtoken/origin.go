package authtoken

import (
	"net/netip"
	"strconv"
	"strings"
)

// MaxOriginLength is the longest origin accepted, in characters.
const MaxOriginLength = 255

// CheckOrigin refuses what is not an origin as browsers write it (HTML standard,
// serialisation of an origin) on https: https://host[:port] in lower-case ASCII,
// without default port, path or trailing dot. http is let pass for localhost and
// 127.0.0.1 alone; IsLoopbackHTTP tells those apart.
//
// The error is an *Error with origin_invalid.
func CheckOrigin(origin string) error {
	if len(origin) > MaxOriginLength {
		return refuse(ReasonOriginInvalid, "origin of %d characters, at most %d", len(origin), MaxOriginLength)
	}
	scheme, authority, _ := strings.Cut(origin, "://")
	host, port, err := splitAuthority(authority)
	if err != nil {
		return err
	}
	switch {
	case scheme == "https":
		if port == 443 {
			return refuse(ReasonOriginInvalid, "default port in %q", origin)
		}
		return checkHost(host)
	case scheme == "http" && (host == "localhost" || host == "127.0.0.1"):
		if port == 80 {
			return refuse(ReasonOriginInvalid, "default port in %q", origin)
		}
		return nil
	}
	return refuse(ReasonOriginInvalid, "origin %q is not https", origin)
}

// IsLoopbackHTTP says whether an origin is http on this very machine: good for
// demonstrations and development, never for a site that others use.
func IsLoopbackHTTP(origin string) bool {
	return strings.HasPrefix(origin, "http://") && CheckOrigin(origin) == nil
}

// splitAuthority gives the port as 0 when there is none.
func splitAuthority(authority string) (host string, port int, err error) {
	host, digits, found := authority, "", false
	// The last colon is the port's, unless it stands inside an IPv6 address.
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		host, digits, found = authority[:i], authority[i+1:], true
	}
	if !found {
		return host, 0, nil
	}
	n, convErr := strconv.ParseUint(digits, 10, 16)
	if convErr != nil || n == 0 || strconv.FormatUint(n, 10) != digits {
		return "", 0, refuse(ReasonOriginInvalid, "port %q", digits)
	}
	return host, int(n), nil
}

func checkHost(host string) error {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		if !closed || err != nil || !addr.Is6() || addr.Zone() != "" || addr.String() != inner {
			return refuse(ReasonOriginInvalid, "host %q", host)
		}
		return nil
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if !isLabel(label) {
			return refuse(ReasonOriginInvalid, "host %q", host)
		}
	}
	// A host that ends in a number is an IPv4 address (URL standard, host
	// parsing): only its usual form is an origin.
	if last := labels[len(labels)-1]; last[0] >= '0' && last[0] <= '9' {
		if addr, err := netip.ParseAddr(host); err != nil || !addr.Is4() {
			return refuse(ReasonOriginInvalid, "host %q", host)
		}
	}
	return nil
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
