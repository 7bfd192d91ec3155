package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// catalogues hold what a person reads, by their files; %s is the language.
var catalogues = []string{
	"js/src/lang-%s.ts", "js/src/selftest-%s.ts", "internal/texts/portal.toml", "internal/texts/card.toml", "internal/texts/dialog.toml", "internal/texts/sites.toml", "internal/texts/tray.toml",
}

// menuEntry stands in the applications' menu. Its name is the program's, in any language.
const menuEntry = "packaging/linux/applications/cpx-bridge.desktop"

var entryName = regexp.MustCompile(`(?m)^Name=(.+)$`)

// onScreen is all that the screens of a language can say, one text a line.
func onScreen(t *testing.T, lang string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range catalogues {
		text, err := os.ReadFile(filepath.Join(root, strings.Replace(name, "%s", lang, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".toml") {
			var texts map[string]any
			if err := toml.Unmarshal(text, &texts); err != nil {
				t.Fatal(err)
			}
			quote(&all, texts, map[string]string{"fr": "en", "en": "fr"}[lang])
			continue
		}
		all.Write(text)
	}
	entry, err := os.ReadFile(filepath.Join(root, menuEntry))
	if err != nil {
		t.Fatal(err)
	}
	all.WriteString(entryName.ReplaceAllString(string(entryName.Find(entry)), "\"$1\"\n"))
	return plain(all.String())
}

// quote writes down each text that stands in a table, the other language's aside.
func quote(all *strings.Builder, texts map[string]any, other string) {
	for name, value := range texts {
		switch value := value.(type) {
		case map[string]any:
			if name != other {
				quote(all, value, other)
			}
		case string:
			if name != other {
				all.WriteString(`"` + value + "\"\n")
			}
		}
	}
}

// plain is a text with one kind of space, on one line.
func plain(text string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(text)), " ")
}

var (
	frenchQuote  = regexp.MustCompile(`« ?([^»]+?) ?»`)
	englishQuote = regexp.MustCompile(`“([^”]+)”`)
	boldName     = regexp.MustCompile(`\*\*(.+?)\*\*`)
)

// TestTextsOfTheScreens: what the pages for those who log in and for those who try it quote,
// and the buttons that the former name in bold, are on the screens, in that language.
func TestTextsOfTheScreens(t *testing.T) {
	for _, page := range []struct {
		file, lang    string
		quoted, named *regexp.Regexp // the whole of a text where it is a name
		least         int
	}{
		{"docs/professionals.md", "fr", frenchQuote, boldName, 40},
		{"docs/professionals.en.md", "en", englishQuote, boldName, 40},
		{"README.md", "fr", nil, frenchQuote, 2},
		{"README.md", "en", nil, englishQuote, 2},
	} {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(page.file)))
		if err != nil {
			t.Fatal(err)
		}
		screens := onScreen(t, page.lang)
		// Marks of the pages themselves.
		ours := map[string]bool{"en gras": true, "in bold": true, "code porteur": true}
		n := 0
		check := func(form *regexp.Regexp, open string) {
			if form == nil {
				return
			}
			for _, m := range form.FindAllStringSubmatch(plain(string(text)), -1) {
				n++
				said := strings.TrimSpace(m[1])
				if !ours[said] && !strings.Contains(screens, open+said+open) {
					t.Errorf("%s: no screen in %q says %q", page.file, page.lang, said)
				}
			}
		}
		check(page.quoted, "")
		check(page.named, `"`)
		if n < page.least {
			t.Errorf("%s quotes %d texts in %q", page.file, n, page.lang)
		}
	}
}
