package prompt

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cpx-bridge/cpx-bridge/internal/domain"
)

func TestSafe(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain":      {"Dr TEST Éloïse D’ÉPREUVE", "Dr TEST Éloïse D’ÉPREUVE"},
		"line":       {"a\r\nb\tc", "a��b�c"},
		"direction":  {"a\u202ab\u202ec\u2066d\u2069e\u200ef\u200fg\u061ch", "a�b�c�d�e�f�g�h"},
		"zero width": {"a\u200bb\u200cc\u200dd\ufeffe\u00adf", "a�b�c�d�e�f"},
		"fillers":    {"a\u3164b\u115fc\u2800d\ufe0fe\u034ff", "a�b�c�d�e�f"},
		"separators": {"a\u2028b\u2029c\u0085d", "a�b�c�d"},
		"not UTF-8":  {"a\xffb", "a�b"},
		"accents":    {"e\u0301o\u0302\u0301 Z\u0301\u0301\u0301\u0301\u0301x", "e\u0301o\u0302\u0301 Z\u0301\u0301\u0301��x"},
		"markup":     {"<b>&amp;</b>", "<b>&amp;</b>"},
	} {
		if got := safe(c.in, 60); got != c.want {
			t.Errorf("%s: got %q", name, got)
		}
	}
	long := safe("début"+strings.Repeat("x", 500)+"fin", 20)
	if utf8.RuneCountInString(long) != 20 || !strings.HasPrefix(long, "début") || !strings.HasSuffix(long, "fin") {
		t.Errorf("long: %q", long)
	}
}

func TestSafeOrigin(t *testing.T) {
	long := strings.Repeat("banque-tres-sure.", 30)
	for name, c := range map[string]struct{ in, has string }{
		"short":          {"https://portail.example.fr:8443", "https://portail.example.fr:8443"},
		"long host":      {"https://" + long + "attaque.example.fr:8443", "attaque.example.fr:8443"},
		"two-part":       {"https://" + long + "attaque.asso.fr", "attaque.asso.fr"},
		"long domain":    {"https://" + long + strings.Repeat("a", 63) + ".fr", strings.Repeat("a", 63) + ".fr"},
		"direction":      {"https://" + long + "\u202e\u200battaque.fr", "attaque.fr"},
		"other letters":  {"https://pоrtail.example.fr", "�"},
		"letters, long":  {"https://" + long + "é.pоrtail.fr", "�"},
		"no origin":      {strings.Repeat("a", 3000), "…"},
		"long address":   {"https://[2001:db8:1111:2222:3333:4444:5555:6666]:65535", "//[2001:db8:1111:2222:3333:4444:5555:6666]:65535"},
		"wrong escape":   {"https://" + long + "%zz.fr", ".fr"},
		"another's name": {"https://portail.example.fr@" + long + "attaque.fr", "attaque.fr"},
	} {
		got := safeOrigin(c.in)
		if !strings.Contains(got, c.has) {
			t.Errorf("%s: %q without %q", name, got, c.has)
		}
		if utf8.RuneCountInString(got) > 2*maxOrigin {
			t.Errorf("%s: %d characters", name, utf8.RuneCountInString(got))
		}
		for _, r := range got {
			if r > '~' && r != '…' && r != '�' || r < ' ' {
				t.Errorf("%s: %q holds %U", name, got, r)
			}
		}
	}
}

// TestDomain: the emphasised part of an origin is the domain by which a person knows
// the site, and the shown origin holds it.
func TestDomain(t *testing.T) {
	for origin, want := range map[string]string{
		"https://portail.example.fr:8443":                         "example.fr",
		"https://portail.example.fr.attaque.asso.fr":              "attaque.asso.fr",
		"https://portail.example.fr@attaque.fr":                   "attaque.fr",
		"https://" + strings.Repeat("fr.", 200) + "attaque.co.uk": "attaque.co.uk",
		"https://xn--prtail-rwa.fr":                               "xn--prtail-rwa.fr",
		"http://localhost:8000":                                   "localhost",
		"https://asso.fr":                                         "asso.fr",
		"https://192.0.2.7:8443":                                  "192.0.2.7",
		"https://[2001:db8::1]":                                   "[2001:db8::1]",
		"https://é.fr":                                            "",
		"rubbish %zz":                                             "",
	} {
		r := questionsIn("fr").about(Caller{Origin: origin})
		if r.Domain != want || !strings.HasSuffix(strings.TrimSuffix(strings.TrimSuffix(r.Origin, ":8443"), ":8000"), want) {
			t.Errorf("%q: %q in %q", origin, r.Domain, r.Origin)
		}
	}
}

// TestNeverNamesTheDomain: the consent dialog names all of the domain that "never" would
// hold for, which is the one that is stored; without one nothing is offered.
func TestNeverNamesTheDomain(t *testing.T) {
	long := strings.Repeat("a", 63)
	for origin, want := range map[string]string{
		"https://portail.example.fr:8443":                         "example.fr",
		"https://" + strings.Repeat("b.", 90) + long + ".example": long + ".example",
		"https://" + long + "." + long:                            long + "." + long,
		"https://192.0.2.7":                                       "192.0.2.7",
		"https://intranet":                                        "intranet",
		"https://\u202e.fr":                                       "",
	} {
		for _, lang := range []string{"fr", "en"} {
			r := questionsIn(lang).askConsent(Caller{Origin: origin})
			if offersNever(r) != (want != "") || (want != "") != strings.Contains(r.Hint, " "+want+".") || want == "" && r.Hint != "" {
				t.Errorf("%s: %q, %+v", origin, r.Hint, r.Buttons)
			}
			u, err := url.Parse(origin)
			if want != "" && (err != nil || domain.OfHost(u.Hostname()) != want) {
				t.Errorf("%s: another domain is stored: %v", origin, err)
			}
		}
	}
}

// TestFirstLine: Qt decides by the first line whether a text is markup, so that line
// holds nothing from outside.
func TestFirstLine(t *testing.T) {
	for _, lang := range []string{"fr", "en"} {
		first, _, _ := strings.Cut(questionsIn(lang).describe(Caller{Origin: "<b>x</b>", Program: "<i>y</i>"}), "\n")
		if strings.ContainsAny(first, "<>&") {
			t.Errorf("%s: %q", lang, first)
		}
	}
}

func FuzzSafeOrigin(f *testing.F) {
	for _, seed := range []string{"https://portail.example.fr", "https://\u202e.fr", "https://" + strings.Repeat("a.", 200) + "fr", "%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, origin string) {
		got := safeOrigin(origin)
		if len(got) > 600 || strings.ContainsAny(got, "\r\n") || !utf8.ValidString(got) {
			t.Errorf("%q", got)
		}
	})
}
