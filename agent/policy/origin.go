package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// maxOrigin is the longest origin taken, in bytes, as in the Web eID token.
const maxOrigin = 255

// Origin is a web origin as browsers serialise it (HTML, "ASCII serialisation
// of an origin").
type Origin struct {
	text     string
	host     string
	loopback bool // http on localhost or 127.0.0.1
	port     bool // a port is spelled out
}

func (o Origin) String() string { return o.text }

var errOrigin = errors.New("not an origin (https://host or https://host:port, lower case, no path)")

// ParseOrigin takes exactly what a browser would send: lower-case ASCII, no
// default port, no path, no trailing dot. http is taken for localhost and
// 127.0.0.1 only.
func ParseOrigin(text string) (Origin, error) {
	o, err := parseOrigin(text)
	if err != nil {
		return Origin{}, fmt.Errorf("%q: %w", text, err)
	}
	return o, nil
}

func parseOrigin(text string) (Origin, error) {
	if len(text) > maxOrigin || text != strings.ToLower(text) {
		return Origin{}, errOrigin
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || (scheme != "https" && scheme != "http") || rest == "" || strings.ContainsAny(rest, "/?#@\\% ") {
		return Origin{}, errOrigin
	}
	u, err := url.Parse(text)
	if err != nil || u.Host != rest {
		return Origin{}, errOrigin
	}
	o := Origin{text: text, host: u.Hostname(), port: u.Port() != "", loopback: scheme == "http"}
	if !validHost(rest, o.host) {
		return Origin{}, errOrigin
	}
	if strings.HasSuffix(rest, ":") || (o.port && !validPort(u.Port(), scheme)) {
		return Origin{}, errOrigin
	}
	if o.loopback && o.host != "localhost" && o.host != "127.0.0.1" {
		return Origin{}, errors.New("plain http is taken for localhost and 127.0.0.1 only")
	}
	return o, nil
}

func validPort(port, scheme string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	isDefault := (scheme == "https" && n == 443) || (scheme == "http" && n == 80)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == port && !isDefault
}

func validHost(hostport, host string) bool {
	if strings.HasPrefix(hostport, "[") {
		a, err := netip.ParseAddr(host)
		return err == nil && a.Is6() && a.Zone() == "" && a.String() == host
	}
	if len(host) > 253 {
		return false
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if !validLabel(label) {
			return false
		}
	}
	// A last label of digits makes it an IPv4 address, which has one form only.
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		a, err := netip.ParseAddr(host)
		return err == nil && a.String() == host
	}
	return true
}

func validLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for _, c := range label {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// pattern is an entry of allow or block.
type pattern struct {
	exact  string
	suffix string // of a wildcard: ".example.fr"
}

// parsePattern takes an origin, or https://*.example.fr.
func parsePattern(text string) (pattern, error) {
	rest, wildcard := strings.CutPrefix(text, "https://*.")
	if !wildcard {
		o, err := ParseOrigin(text)
		return pattern{exact: o.text}, err
	}
	o, err := ParseOrigin("https://" + rest)
	if err != nil {
		return pattern{}, fmt.Errorf("%q: after *. stands a domain, without a port", text)
	}
	if _, err := netip.ParseAddr(o.host); o.port || err == nil {
		return pattern{}, fmt.Errorf("%q: after *. stands a domain, without a port", text)
	}
	if suffix, _ := publicsuffix.PublicSuffix(o.host); suffix == o.host {
		return pattern{}, fmt.Errorf("%q: %s is a public suffix, under which anyone can have a site", text, o.host)
	}
	return pattern{suffix: "." + o.host}, nil
}

// Entry is an entry of allow or block in its parts, for who says it in another
// program's form.
type Entry struct {
	Host     string // after *. where Wildcard; an IPv6 address without brackets
	Port     int    // 443 where none is spelled out; of a loopback origin 80
	Wildcard bool   // any subdomain, not Host itself
	Loopback bool   // http on this machine
}

// ParseEntry takes what allow and block take.
func ParseEntry(text string) (Entry, error) {
	p, err := parsePattern(text)
	if err != nil {
		return Entry{}, err
	}
	if p.suffix != "" {
		return Entry{Host: p.suffix[1:], Port: 443, Wildcard: true}, nil
	}
	o, err := ParseOrigin(text)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Host: o.host, Port: 443, Loopback: o.loopback}
	if o.loopback {
		e.Port = 80
	}
	if o.port {
		e.Port, err = strconv.Atoi(text[strings.LastIndexByte(text, ':')+1:])
	}
	return e, err
}

func (p pattern) matches(o Origin) bool {
	if p.suffix == "" {
		return p.exact == o.text
	}
	return !o.loopback && !o.port && strings.HasSuffix(o.host, p.suffix)
}

// Decision is what the policy says of an origin.
type Decision int

// The decisions. Malformed is the zero value: what is not decided is refused.
const (
	Malformed Decision = iota
	Blocked
	NotListed
	Allowed // as if the person had answered "always"
	Ask     // may connect; each authenticate begins with a consent dialog
	Plain   // http on this machine, of which nobody is asked: only where allow lists exactly it
)

// Decide judges the Origin header of a handshake.
func (e *Effective) Decide(origin string) Decision {
	o, err := ParseOrigin(origin)
	if err != nil {
		return Malformed
	}
	if matchesAny(e.Origins.Block, o) {
		return Blocked
	}
	allowed := e.allows(o)
	switch {
	case allowed:
		return Allowed
	case e.Origins.Mode == ModeListed:
		return NotListed
	case o.loopback:
		return Plain
	}
	return Ask
}

// allows: where both files list, an origin must pass both.
func (e *Effective) allows(o Origin) bool {
	if !e.hasMachine {
		return matchesAny(e.userAllow, o)
	}
	if o.loopback {
		return matchesAny(e.machineAllow, o)
	}
	return (!e.machineLists || matchesAny(e.machineAllow, o)) && (!e.userLists || matchesAny(e.userAllow, o)) && (e.machineLists || e.userLists)
}

func matchesAny(entries []string, o Origin) bool {
	for _, text := range entries {
		if p, err := parsePattern(text); err == nil && p.matches(o) {
			return true
		}
	}
	return false
}
