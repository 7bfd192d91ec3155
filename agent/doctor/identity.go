package doctor

import (
	"net/netip"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lazyregexp"
)

// omitted stands in the place of what is left out.
const omitted = "…"

// kinds are the endings of file names that support needs and that no host's name has.
const kinds = `so|dll|exe|sys|msi|dylib|toml|json|log|ini|conf|cfg|desktop|service|socket|comm|pem|crt|cer|sqlite|db|xml|js|sock|pid|policy|rules|mobileconfig|plist|reg|deb|rpm`

var (
	fileName    = lazyregexp.New(`(?i)\.(` + kinds + `)(\.\d+)*$`)
	fileEnd     = lazyregexp.New(`(?i)\.(` + kinds + `)(\.\d+)*[ \x{a0}\x{202f}\x{fffd}]`)
	registryKey = lazyregexp.New(`(?i)\b(HKLM|HKCU|HKCR|HKU|HKEY_\w+|Software)\\[^\s"\x{00ab}\x{00bb},;()]*`)
	properName  = lazyregexp.New(`^( \p{Lu}[\p{L}'\x{2019}-]*)+`)
	// A folder's name has spaces and closed parentheses in it; the last name of a path has none,
	// because the sentence goes on after it.
	windowsPath = lazyregexp.New(`(?:\b[A-Za-z]:\\|\\\\)(?:(?:[^\\/:*?"<>|,;()\n\x{00ab}\x{00bb}]|\([^()\\\n]*\))*(?:[^\s\\/:*?"<>|,;()\x{00ab}\x{00bb}]|\([^()\\\n]*\))\\+)*[^\s\\/:*?"<>|,;()\x{00ab}\x{00bb}]*`)
	unixPath    = lazyregexp.New(`(^|[\s("'=:,;\[<>\x{00ab}\x{201c}\x{2019}])(/(?:[^\s/:,;()"\x{00ab}\x{00bb}](?:[^/:,;()"\n\x{00ab}\x{00bb}]*[^\s/:,;()"\x{00ab}\x{00bb}])?/+)*[^\s/:,;()"\x{00ab}\x{00bb}]+)`)

	windowsSystem = lazyregexp.New(`(?i)^[A-Z]:\\(Program Files( \(x86\))?|Windows)(\\|$)`)
	unixSystem    = lazyregexp.New(`^/(usr|opt|etc|lib[^/\s]*|bin|sbin)(/|$|\s)`)
	home          = lazyregexp.New(`(?i)^([A-Z]:\\(Users|Documents and Settings)\\|/(home|Users|media|run/media|root)/)`)
	homesModule   = lazyregexp.New(`(?i)^([A-Z]:\\(Users|Documents and Settings)\\[^\\]+\\|/(home|Users|media|run/media)/[^/]+/|/root/).*\.(so(\.\d+)*|dll|dylib)$`)
)

// privateForms are what names a person, a machine or a site by its form, with what is put in
// its place.
var privateForms = []struct {
	form *lazyregexp.Regexp
	with string
}{
	{lazyregexp.New(`\b(https?|wss?|file|ftp|smb|ldaps?)://[^\s"\x{00bb}\x{201d},;]+`), "$1://" + omitted},
	{lazyregexp.New(`S-1-5-21(-\d+)+`), omitted},
	{lazyregexp.New(`(?i)\b(compte|account) \d+`), "$1 " + omitted},
	{lazyregexp.New(`(?i)\b(CN|OU?|SN|GN|G|L|ST|DC|UID|T|title|givenName|surname|serialNumber|emailAddress) ?= ?("[^"\n]*"|(\\.|[^\\,;+/():"\n\x{00ab}\x{00bb}])+)`), "$1=" + omitted},
	{lazyregexp.New(`[\p{L}\p{M}\p{N}_.+'-]+@[\p{L}\p{M}\p{N}_.-]*[\p{L}\p{N}]`), omitted},
}

var (
	account   = lazyregexp.New(`[\p{L}\p{N}._-]+\\[\p{L}\p{N}._$-]+`)
	mac       = lazyregexp.New(`\b(?:[0-9A-Fa-f]{2}[:-]){5,}[0-9A-Fa-f]{2}\b`)
	ipv4      = lazyregexp.New(`(?i)((?:version|cryptolib|cryptoki|firefox|chrom\w+|edge|windows) v?)?\b(\d{1,3}(?:\.\d{1,3}){3})\b`)
	ipv6      = lazyregexp.New(`[0-9A-Fa-f]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*`)
	hostName  = lazyregexp.New(`(?:[\p{L}\p{N}_-]+\.)+(?:xn--[\w-]+|\p{L}{2,})`)
	busName   = lazyregexp.New(`(?i)^(org\.(freedesktop|mozilla|gnome|kde|chromium|debian)|com\.(google|microsoft|canonical))\.`)
	inParens  = lazyregexp.New(`\(([0-9A-Za-z-]{8,})\)`)
	threeDigs = lazyregexp.New(`\d.*\d.*\d`)
)

// numbers of seven and more digits, in groups or not (a space that cannot be
// seen has become U+FFFD in package visible), and hexadecimal ones of eight are a
// card's, a reader's or a person's: neither versions nor ports nor dates are so long. Codes
// of PKCS#11 and of the smart card service begin with 0x.
var numbers = lazyregexp.New(`0x[0-9A-Fa-f]+|[0-9A-Fa-f]*\d{8,}[0-9A-Fa-f]*|[0-9A-Fa-f]{8,}|\d(?:[ \x{a0}\x{202f}\x{fffd}]?\d){6,}`)

// longestCode is the length of a code of 32 bits as it is written: 0x and eight digits.
const longestCode = 10

// sparing holds what stays as it is, while the forms that would take it for an account or a
// host go over the text. A rune of the private use area stands for each.
type sparing struct{ spared []string }

const firstSpared, lastSpared = '\uE000', '\uF8FF'

func (k *sparing) spare(s string) string {
	if firstSpared+rune(len(k.spared)) > lastSpared {
		return omitted
	}
	k.spared = append(k.spared, s)
	return string(firstSpared + rune(len(k.spared)-1))
}

func (k *sparing) restore(text string) string {
	var b strings.Builder
	for _, r := range text {
		if i := int(r - firstSpared); i >= 0 && i < len(k.spared) {
			b.WriteString(k.spared[i])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// withoutForms leaves out what has the form of a person's, a machine's or a site's name.
func withoutForms(text string) string {
	text = strings.Map(func(r rune) rune {
		if r >= firstSpared && r <= lastSpared {
			return -1
		}
		return r
	}, text)
	for _, p := range privateForms {
		text = p.form.ReplaceAllString(text, p.with)
	}
	var k sparing
	text = registryKey.ReplaceAllStringFunc(text, k.spare)
	text = k.withoutPaths(text, windowsPath, 0, k.windows)
	text = k.withoutPaths(text, unixPath, 2, k.unix)
	text = withNames(text, account)
	text = withoutAddresses(text)
	text = hostName.ReplaceAllStringFunc(text, func(h string) string {
		if fileName.MatchString(h) || busName.MatchString(h) {
			return h
		}
		return omitted
	})
	return k.restore(text)
}

// withoutPaths puts short in the place of each path. It goes on after what short has used.
func (k *sparing) withoutPaths(text string, form *lazyregexp.Regexp, group int, short func(string) (string, int)) string {
	var b strings.Builder
	for {
		m := form.FindStringSubmatchIndex(text)
		if m == nil {
			return b.String() + text
		}
		from, to := m[2*group], m[2*group+1]
		path := text[from:to]
		// The name of a file ends the path, though the sentence has another separator after it.
		if end := fileEnd.FindStringIndex(path); end != nil {
			path = strings.TrimRight(path[:end[1]], " \u00a0\u202f\ufffd")
		}
		with, used := short(path)
		b.WriteString(text[:from] + with)
		text = text[from+used:]
		if with == omitted {
			text = text[nameAfter(text):]
		}
	}
}

// nameAfter is the length of the proper names a text begins with: the rest of a folder's name
// such as Jean Dupont. CKR_ codes are none.
func nameAfter(text string) int {
	n := len(properName.FindString(text))
	if n < len(text) && text[n] == '_' {
		return max(0, strings.LastIndex(text[:n], " "))
	}
	return n
}

func withNames(text string, form *lazyregexp.Regexp) string {
	var b strings.Builder
	for m := form.FindStringIndex(text); m != nil; m = form.FindStringIndex(text) {
		b.WriteString(text[:m[0]] + omitted)
		text = text[m[1]:]
		text = text[nameAfter(text):]
	}
	return b.String() + text
}

// nameStays says that the last name of a path stays: what a person keeps at home may bear
// anybody's name, but for modules, which a hotline must know and their makers have named.
func nameStays(path string) bool {
	return homesModule.MatchString(path) || !home.MatchString(path) && fileName.MatchString(path)
}

func (k *sparing) windows(path string) (with string, used int) {
	trimmed := strings.TrimRight(path, ".")
	system := windowsSystem.FindString(path)
	switch {
	case system != "" && fileName.MatchString(trimmed):
		return k.spare(path), len(path)
	case system != "":
		return k.spare(strings.TrimRight(system, `\`) + `\` + omitted), len(path)
	case nameStays(trimmed):
		return k.spare(omitted + path[strings.LastIndex(path, `\`):]), len(path)
	}
	return omitted, len(path)
}

func (k *sparing) unix(path string) (with string, used int) {
	if unixSystem.MatchString(path) {
		path, _, _ = strings.Cut(path, " ") // programs are installed without spaces
		return k.spare(path), len(path)
	}
	if nameStays(strings.TrimRight(path, ".")) {
		return k.spare(omitted + path[strings.LastIndex(path, "/"):]), len(path)
	}
	return omitted, len(path)
}

// withoutAddresses leaves out the network's addresses, but for those of this machine to itself.
// Four numbers after a program's name are its version.
func withoutAddresses(text string) string {
	text = mac.ReplaceAllString(text, omitted)
	text = ipv4.ReplaceAllStringFunc(text, func(s string) string {
		m := ipv4.FindStringSubmatch(s)
		if m[1] != "" || !foreign(m[2]) {
			return s
		}
		return omitted
	})
	return ipv6.ReplaceAllStringFunc(text, func(s string) string {
		if foreign(s) || foreign(strings.TrimRight(s, ":.")) {
			return omitted
		}
		return s
	})
}

func foreign(address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && !a.IsLoopback() && !a.IsUnspecified()
}

func withoutNumbers(text string) string {
	text = inParens.ReplaceAllStringFunc(text, func(s string) string {
		if threeDigs.MatchString(s) && !strings.HasPrefix(s, "(0x") {
			return "(" + omitted + ")"
		}
		return s
	})
	return numbers.ReplaceAllStringFunc(text, func(n string) string {
		if strings.HasPrefix(n, "0x") && (len(n) <= longestCode || strings.HasPrefix(n, "0x00000000")) {
			return n
		}
		return omitted
	})
}
