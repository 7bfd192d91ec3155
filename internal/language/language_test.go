package language

import (
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/fuzzing"
)

func TestMatch(t *testing.T) {
	for tag, want := range map[string]string{
		// As pages, settings and desktops name them.
		"fr": French, "FR": French, "fr-FR": French, "fr-CA": French, "fr_FR": French, "fr-": French, "fr-x-private": French,
		"en": English, "En": English, "en-US": English, "en_GB": English, "EN-gb": English,
		"fr_FR.UTF-8": French, "fr.UTF-8": French, "fr_FR@euro": French, "en_GB.ISO-8859-1": English, "en@shaw": English,
		"fra": French, "eng": English, "und-FR": French,
		// Readers of these read one of ours.
		"br": French, "oc": French, "co_FR.UTF-8": French, "ht": French, "wo-SN": French, "cy": English,
		// None of ours.
		"": "", "de": "", "de-FR": "", "zh": "", "enx": "", "frank": "", "und": "", "mul": "", "x-fr": "", "C": "", "*": "", ".fr": "",
		"\x00": "", "français": "",
		"fr-" + strings.Repeat("a", 1<<16): French, strings.Repeat("-", 1<<16): "",
	} {
		if got := Match(tag); got != want {
			t.Errorf("%.40q: %q, want %q", tag, got, want)
		}
	}
}

func TestAccept(t *testing.T) {
	for header, want := range map[string]string{
		"": "", "de": "", "enx": "", "*": "", "en": English, "fr": French,
		"de,en;q=0.8": English, "en-US,fr": English, "fr-CA,en": French, "en-GB,en;q=0.9,fr;q=0.8": English,
		"fr;q=0.5,en":                      English, // by weight, not by position
		"de;q=1, fr;q=0.5,en;q=0.7":        English,
		"en;q=0,fr":                        French, // 0 is "not this one"
		"fr;q=0":                           "",
		"br,en;q=0.9":                      French,
		"de,*;q=0.5":                       "",
		"?!,fr":                            French, // malformed parts are skipped
		"fr;q=much,en":                     English,
		"fr,en;q=2":                        French, // a weight is 1 at most
		"fr;q=0.5,en;q=inf,en;q=nan":       French,
		" ,, ,fr-FR ; q=0.3 ,":             French,
		strings.Repeat("de,", 1000) + "fr": "",
		strings.Repeat("-", 1<<16) + ",fr": French,
	} {
		if got := Accept(header); got != want {
			t.Errorf("%.60q: %q, want %q", header, got, want)
		}
	}
}

// TestDesktopOfSystem: what the environment names goes before what the system speaks.
func TestDesktopOfSystem(t *testing.T) {
	before := systemLanguages
	t.Cleanup(func() { systemLanguages = before })
	for _, name := range []string{"LC_ALL", "LC_MESSAGES"} {
		t.Setenv(name, "")
	}
	for _, c := range []struct {
		lang  string
		names []string
		want  string
	}{
		{"", []string{"en-US", "fr-FR"}, English},
		{"", []string{"fr-BE"}, French},
		{"", []string{"es-ES"}, English},
		{"", nil, French},
		{"C.UTF-8", []string{"en-GB"}, English},
		{"fr_FR.UTF-8", []string{"en-GB"}, French},
	} {
		t.Setenv("LANG", c.lang)
		systemLanguages = func() []string { return c.names }
		if got := Desktop(); got != c.want {
			t.Errorf("LANG %q, system %q: %q, want %q", c.lang, c.names, got, c.want)
		}
	}
}

func TestDesktop(t *testing.T) {
	before := systemLanguages
	t.Cleanup(func() { systemLanguages = before })
	systemLanguages = func() []string { return nil }
	for name, c := range map[string]struct{ all, messages, lang, want string }{
		"none":            {"", "", "", French},
		"C":               {"", "", "C", French},
		"C.UTF-8":         {"C.UTF-8", "", "", French},
		"POSIX":           {"", "POSIX", "", French},
		"French":          {"", "", "fr_FR.UTF-8", French},
		"English":         {"", "", "en_GB.UTF-8", English},
		"Breton":          {"", "", "br_FR.UTF-8", French},
		"German":          {"", "", "de_DE.UTF-8", English},
		"messages":        {"", "en_US.UTF-8", "fr_FR.UTF-8", English},
		"all":             {"fr_FR.UTF-8", "en_US.UTF-8", "en_US.UTF-8", French},
		"C, then English": {"C", "", "en_US.UTF-8", English},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("LC_ALL", c.all)
			t.Setenv("LC_MESSAGES", c.messages)
			t.Setenv("LANG", c.lang)
			if got := Desktop(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if got := Or("de"); got != c.want {
				t.Errorf("%s where the setting is not ours, want %s", got, c.want)
			}
			for _, lang := range []string{French, English} {
				if got := Or(lang); got != lang {
					t.Errorf("%s where the setting is %s", got, lang)
				}
			}
		})
	}
}

func TestDate(t *testing.T) {
	at := time.Date(2027, time.March, 4, 5, 6, 0, 0, time.Local)
	for lang, want := range map[string][2]string{
		French:  {"04/03/2027", "04/03/2027 à 05\u00a0h\u00a006"},
		English: {"4 March 2027", "4 March 2027, 05:06"},
		"de":    {"04/03/2027", "04/03/2027 à 05\u00a0h\u00a006"},
	} {
		if got := [2]string{Date(at, lang), DateTime(at, lang)}; got != want {
			t.Errorf("%s: %q, want %q", lang, got, want)
		}
	}
}

// Days are those of local time.
func TestDateIsLocal(t *testing.T) {
	at := time.Date(2027, time.March, 4, 23, 30, 0, 0, time.UTC)
	if got, want := Date(at.In(time.FixedZone("", 3600)), English), Date(at, English); got != want {
		t.Errorf("%q and %q are the same moment", got, want)
	}
}

// FuzzAccept: whatever a page, a header or a desktop names, the answer is a language
// that has texts or none, one that the header refuses is not it, and great length costs
// nothing.
func FuzzAccept(f *testing.F) {
	for _, seed := range []string{"fr", "en-GB,en;q=0.9,fr;q=0.8", "*;q=0", "und-419,sgn-fr,i-default", "fr--,;q=,\x00", "fr_FR.UTF-8@euro"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var accepted, matched string
		if spent := fuzzing.Spent(func() { accepted, matched = Accept(text), Match(text) }); spent > fuzzing.Air+100*uint64(len(text)) {
			t.Errorf("%d bytes for a text of %d", spent, len(text))
		}
		for _, got := range []string{accepted, matched} {
			if got != "" && !Known(got) {
				t.Errorf("%q gives %q", text, got)
			}
		}
		if !Known(Or(text)) {
			t.Errorf("a setting of %q gives %q", text, Or(text))
		}
		// What a person refuses is not what they get, and what they ask for first is.
		for _, lang := range []string{French, English} {
			if got := Accept(lang + ";q=0"); got != "" {
				t.Errorf("%s is refused, and %q comes", lang, got)
			}
			if got := Accept(lang + "," + text); got != lang && !strings.Contains(text, ",") {
				t.Errorf("%s comes first before %q, and %q is answered", lang, text, got)
			}
		}
	})
}
