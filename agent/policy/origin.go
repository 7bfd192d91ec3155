package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/domain"
	"github.com/cpx-bridge/cpx-bridge/internal/origin"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// pattern is an entry of allow or block.
type pattern struct {
	exact  string
	suffix string // of a wildcard: ".example.fr"
}

// parsePattern parses an origin, or https://*.example.fr.
func parsePattern(text string) (pattern, error) {
	rest, wildcard := strings.CutPrefix(text, "https://*.")
	if !wildcard {
		o, err := origin.Parse(text)
		return pattern{exact: o.String()}, err
	}
	o, err := origin.Parse("https://" + rest)
	if err != nil || o.HasPort() || o.IsIP() {
		return pattern{}, fmt.Errorf("%q: %w", text, errWildcard)
	}
	if domain.IsPublicSuffix(o) {
		return pattern{}, fmt.Errorf("%q: %w", text, &publicSuffixError{o.Host()})
	}
	return pattern{suffix: "." + o.Host()}, nil
}

var errWildcard = errors.New("after *. stands a domain, without a port")

// publicSuffixError refuses a wildcard under which anyone can have a site.
type publicSuffixError struct{ suffix string }

func (e *publicSuffixError) Error() string {
	return e.suffix + " is a public suffix, under which anyone can have a site"
}

// wrongOrigin is the message of an error of parsePattern.
func wrongOrigin(text string, err error) tomlfile.Message {
	what := tomlfile.Say("settings.origin")
	suffix, is := errors.AsType[*publicSuffixError](err)
	switch {
	case is:
		what = tomlfile.Say("settings.public_suffix", suffix.suffix)
	case errors.Is(err, errWildcard):
		what = tomlfile.Say("settings.wildcard")
	case errors.Is(err, origin.ErrPlainHTTP):
		what = tomlfile.Say("settings.plain_http")
	}
	return tomlfile.Say("settings.value", visible.Short(text, origin.MaxLength), what)
}

// Entry is an entry of allow or block in its parts, for callers that write it in
// another program's form.
type Entry struct {
	Host     string // after *. where Wildcard; an IPv6 address without brackets
	Port     int    // 443 where none is written; 80 for a loopback origin
	Wildcard bool   // any subdomain, not Host itself
	Loopback bool   // http on this machine
}

// ParseEntry parses an entry of allow or block.
func ParseEntry(text string) (Entry, error) {
	p, err := parsePattern(text)
	if err != nil {
		return Entry{}, err
	}
	if p.suffix != "" {
		return Entry{Host: p.suffix[1:], Port: 443, Wildcard: true}, nil
	}
	o, err := origin.Parse(text)
	if err != nil {
		return Entry{}, err
	}
	return Entry{Host: o.Host(), Port: o.Port(), Loopback: o.IsLoopbackHTTP()}, nil
}

func (p pattern) matches(o origin.Origin) bool {
	if p.suffix == "" {
		return p.exact == o.String()
	}
	return !o.IsLoopbackHTTP() && !o.HasPort() && strings.HasSuffix(o.Host(), p.suffix)
}

// Decision is the policy's decision on an origin.
type Decision int

// The decisions. Malformed is the zero value, so that no decision is a refusal.
const (
	Malformed Decision = iota
	Blocked
	NotListed
	Allowed // as if the person had answered "always"
	Ask     // may connect; each authenticate begins with a consent dialog
	Plain   // http on this machine, about which nobody is asked: refused unless allow lists exactly it
)

// Decide decides on the Origin header of a handshake.
func (e *Effective) Decide(header string) Decision {
	o, err := origin.Parse(header)
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
	case o.IsLoopbackHTTP():
		return Plain
	}
	return Ask
}

// allows reports whether an origin is allowed: where both files have a list, by both.
func (e *Effective) allows(o origin.Origin) bool {
	if !e.hasMachine {
		return matchesAny(e.userAllow, o)
	}
	if o.IsLoopbackHTTP() {
		return matchesAny(e.machineAllow, o)
	}
	return (!e.machineLists || matchesAny(e.machineAllow, o)) && (!e.userLists || matchesAny(e.userAllow, o)) && (e.machineLists || e.userLists)
}

func matchesAny(entries []string, o origin.Origin) bool {
	for _, text := range entries {
		if p, err := parsePattern(text); err == nil && p.matches(o) {
			return true
		}
	}
	return false
}
