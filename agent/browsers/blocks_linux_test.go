package browsers

import (
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// blockCase is the lists of one policy file, without brackets, what the real
// Chromium does with pages of one entry of ours, and whether InForce reports the
// entry as blocked.
type blockCase struct {
	allowed, older, blocked, olderBlocked string
	pages                                 []visit
	reported                              bool
}

func (c blockCase) policy() string {
	var lists []string
	for name, values := range map[string]string{loopbackPolicy: c.allowed, olderPolicy: c.older, blockedPolicy: c.blocked, olderBlocked: c.olderBlocked} {
		if values != "" {
			lists = append(lists, `"`+name+`": [`+values+`]`)
		}
	}
	return "{" + strings.Join(lists, ", ") + "}"
}

const (
	namedEntry, groupEntry     = "https://named.test", "https://*.grp.test"
	namedPattern, groupPattern = `"https://named.test:443"`, `"https://[*.]grp.test:443"`
)

func blockCases() map[string]blockCase {
	named := func(open bool) []visit { return []visit{{namedEntry, open}} }
	return map[string]blockCase{
		"older list":                         {older: namedPattern, pages: named(true)},
		"ours within a wider block":          {allowed: namedPattern, blocked: `"[*.]test"`, pages: named(true)},
		"ours against a block of all":        {allowed: namedPattern, blocked: `"*"`, pages: named(true)},
		"ours against it without port":       {allowed: namedPattern, blocked: `"https://named.test"`, pages: named(true)},
		"ours against the same":              {allowed: namedPattern, blocked: namedPattern, pages: named(false), reported: true},
		"all against it":                     {allowed: `"*"`, blocked: `"named.test"`, pages: named(false), reported: true},
		"all against all":                    {allowed: `"*"`, blocked: `"*"`, pages: named(false), reported: true},
		"nothing against it":                 {blocked: `"https://[*.]named.test"`, pages: named(false), reported: true},
		"a part of ours":                     {allowed: groupPattern, blocked: `"https://a.grp.test"`, pages: []visit{{"https://a.grp.test", false}, {"https://b.a.grp.test", true}}, reported: true},
		"ours against the older block":       {allowed: namedPattern, olderBlocked: `"*"`, pages: named(true)},
		"all against the older block":        {allowed: `"*"`, olderBlocked: namedPattern, pages: named(false), reported: true},
		"older against the older block":      {older: namedPattern, olderBlocked: namedPattern, pages: named(false), reported: true},
		"older against a wider block":        {older: namedPattern, blocked: `"*"`, pages: named(true)},
		"a block of another port, or scheme": {allowed: namedPattern, blocked: `"https://named.test:8443", "http://named.test"`, pages: named(true)},
	}
}

// TestChromiumBlocks: what a policy blocks is never reported as allowed. Each set of
// lists is read by the real Chromium and by InForce.
func TestChromiumBlocks(t *testing.T) {
	if !withOwnEtc(t, browser.Find) {
		return
	}
	write(t, "/", "/etc/hosts", "127.0.0.1 localhost "+strings.Join(siteNames, " ")+"\n")
	s := newSite(t, siteNames...)
	for name, c := range blockCases() {
		write(t, "/", chromiumDir+"site.json", c.policy())
		s.visit(t, name, c.pages, func(v visit) bool { return v.open })
		states, err := InForce("/", []string{namedEntry, groupEntry})
		if err != nil {
			t.Fatal(err)
		}
		state := states[slices.Index(All, Chromium)]
		entry := groupEntry
		if c.pages[0].origin == namedEntry {
			entry = namedEntry
		}
		open := !slices.ContainsFunc(c.pages, func(v visit) bool { return !v.open })
		if blocked := slices.Contains(state.Blocked, entry); blocked != c.reported || open && slices.Contains(state.Missing, entry) {
			t.Errorf("%s: %s opens %v; reported as blocked %v, as missing %v", name, entry, open, state.Blocked, state.Missing)
		}
	}
}
