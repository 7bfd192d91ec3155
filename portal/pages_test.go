package portal

import (
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// The sample's French has the typography of print; the catalogue's is checked in
// the catalogue's own tests.
func TestTypography(t *testing.T) {
	texts, err := loadTexts("")
	if err != nil {
		t.Fatal(err)
	}
	said := []string{texts.Default.FR, texts.Support.Hours.FR}
	for _, r := range texts.Regions {
		said = append(said, r.How.FR)
	}
	for what, wrong := range map[string]string{"apostrophe": `\w'\w`, "space": `« | »| [;:!?](?: |$)|\d h\b| h \d`, "no space": `\w[;:!?](?: |$)`} {
		for _, text := range said {
			if found := regexp.MustCompile(wrong).FindString(text); found != "" {
				t.Errorf("%s %q in %q", what, found, text)
			}
		}
	}
}

// Every template is a page, and every page shows in both languages with no text
// missing: none is empty, and no formatting verb lacks its argument.
func TestEveryPageInBothLanguages(t *testing.T) {
	names, err := fs.Glob(files, "web/templates/*.html")
	if err != nil || len(names) != len(pageNames)+1 {
		t.Fatalf("%d templates for %d pages, %v", len(names), len(pageNames), err)
	}
	for _, lang := range []string{french, english} {
		t.Run(lang, func(t *testing.T) {
			s := newSite(t)
			b := s.browser(t)
			b.header.Set("Accept-Language", lang)
			holder := demopki.NewUnnamedHolder(1)
			holder.Kind = "" // for the text about what a card does not say
			card := issue(t, pki().Intermediate, holder)
			pages := []answer{b.get("/"), b.get("/assistance"), b.get("/aide"), b.get("/rien"), b.get(pathFirst)}
			if next, _ := b.login(card); next != pathFirst {
				t.Fatal(next)
			}
			pages = append(pages, b.get(pathFirst), b.password("", ""), b.password(testName, "x"))
			for range freeFailures {
				pages = append(pages, b.password(testName, "x"))
			}
			s.clock.pass(2 * time.Minute)
			b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
			pages = append(pages, b.get(pathFirst+"/confirmation"))
			b.redirected(b.confirm(), pathSpace)
			pages = append(pages, b.get(pathSpace), b.get("/assistance"))
			pages = append(pages, b.get("/cartes/"+cardIDs(t, b.get(pathSpace))[0]+"/detacher"))
			wrong := map[string]*regexp.Regexp{
				"a verb without argument": regexp.MustCompile(`%![a-z(]`), "a verb": regexp.MustCompile(`%[sd]`),
				"a key":            regexp.MustCompile(`\bportal\.[a-z_]+\b`),
				"an empty heading": regexp.MustCompile(`<(h1|h2|button|dt|th)[^>]*>\s*</`), "a value of Go": regexp.MustCompile(`&lt;nil&gt;|<no value>`),
				"a mark of the texts": regexp.MustCompile(`\{\{`),
			}
			for _, page := range pages {
				if page.Header.Get("Content-Language") != lang || !strings.Contains(page.raw, `<html lang="`+lang+`">`) {
					t.Errorf("%s is in %s", page.Request.URL.Path, page.Header.Get("Content-Language"))
				}
				if strings.Count(page.raw, "<h1") != 1 || strings.Contains(page.raw, "<title> ·") {
					t.Errorf("%s has no heading or title of its own", page.Request.URL.Path)
				}
				for what, pattern := range wrong {
					if found := pattern.FindString(strings.ReplaceAll(page.raw, "/static/portal.css", "")); found != "" {
						t.Errorf("%s holds %s: %s", page.Request.URL.Path, what, found)
					}
				}
			}
		})
	}
}

// The pages link to pages that exist, on the site itself.
func TestLinks(t *testing.T) {
	s := newSite(t)
	b, _ := loggedIn(t, s)
	links := regexp.MustCompile(`(?:href|src)="([^"]+)"`)
	seen := map[string]bool{}
	for _, path := range []string{"/assistance", "/aide", pathSpace, "/rien"} {
		for _, m := range links.FindAllStringSubmatch(b.get(path).raw, -1) {
			seen[m[1]] = true
		}
	}
	home := s.browser(t)
	for _, m := range links.FindAllStringSubmatch(home.get("/").raw, -1) {
		seen[m[1]] = true
	}
	checked := 0
	for link := range seen {
		if strings.HasPrefix(link, "mailto:") || strings.HasPrefix(link, "#") {
			continue
		}
		checked++
		if a := b.get(link); a.StatusCode >= http.StatusBadRequest {
			t.Errorf("%s: %d", link, a.StatusCode)
		}
	}
	if checked < 6 {
		t.Errorf("only %d links", checked)
	}
}

// The five regions that have texts of their own, and a default for the others;
// the sample's addresses are all in domains that no mail can reach (RFC 6761).
func TestSampleTexts(t *testing.T) {
	texts, err := loadTexts("")
	if err != nil {
		t.Fatal(err)
	}
	own, overseas := 0, 0
	for _, r := range texts.Regions {
		for _, lang := range []string{french, english} {
			text := texts.how(r, lang, "PORTAIL")
			if text == "" || strings.Contains(text, "{{") {
				t.Errorf("%s in %s: %q", r.ID, lang, text)
			}
		}
		if r.How.FR != "" {
			own++
			if r.How.EN == "" {
				t.Errorf("%s has no English", r.ID)
			}
		}
		if r.Overseas {
			overseas++
		}
	}
	if len(texts.Regions)-overseas != 13 || overseas < 5 || own < 5 {
		t.Errorf("%d regions, %d overseas, %d with texts of their own", len(texts.Regions), overseas, own)
	}
	for _, address := range regexp.MustCompile(`[\w.+-]+@[\w.-]+`).FindAllString(string(sampleTexts), -1) {
		if !strings.HasSuffix(strings.TrimRight(address, "."), ".invalid") {
			t.Errorf("the sample has the address %s", address)
		}
	}
	if found := regexp.MustCompile(`\b0[1-9]([ .]?\d\d){4}\b|\+33`).FindString(string(sampleTexts)); found != "" {
		t.Errorf("the sample has the telephone number %s", found)
	}
	if _, bad := texts.sample(); !bad {
		t.Error("the sample is not recognised as one")
	}
}

// TestInstall: the support page says how to get the agent, in the operator's text
// where there is one, and the home page links there.
func TestInstall(t *testing.T) {
	s := newSite(t, func(text string) string { return text + "\n[card_login]\ninstall_url = \"/assistance#agent\"\n" })
	b := s.browser(t)
	b.shows(b.get("/assistance"), http.StatusOK, "C’est le service informatique de votre établissement qui l’installe")
	if raw := b.get("/").raw; !strings.Contains(raw, `install-url="/assistance#agent"`) {
		t.Errorf("the home page has no such link:\n%s", raw)
	}
	s.settings.texts.Install = Bilingual{FR: "Au guichet TEST.", EN: "At the TEST desk."}
	b.shows(b.get("/assistance"), http.StatusOK, "Au guichet TEST.")
	b.header.Set("Accept-Language", "en")
	b.shows(b.get("/assistance"), http.StatusOK, "At the TEST desk.")
}

// TestHelp: the home page's element leads to the help, which has a part for each reason
// that the page's library leads there with, and names the address to allow.
func TestHelp(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	if raw := b.get("/").raw; !strings.Contains(raw, `help-url="/aide"`) {
		t.Errorf("the home page has no such link:\n%s", raw)
	}
	source, err := os.ReadFile("../js/src/sentence.ts")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`const helps = /\^\(([\w|()]+)\)\$/;`).FindSubmatch(source)
	if list == nil {
		t.Fatal("this test cannot parse js/src/sentence.ts")
	}
	reasons := strings.Split(strings.NewReplacer("permission_(denied|dismissed|pending)", "permission_denied|permission_dismissed|permission_pending").Replace(string(list[1])), "|")
	page := b.get("/aide")
	for _, reason := range reasons {
		if !strings.Contains(page.raw, `id="`+reason+`"`) {
			t.Errorf("the help has no part for %s", reason)
		}
	}
	if len(reasons) != 5 {
		t.Errorf("reasons %q", reasons)
	}
	b.shows(page, http.StatusOK, "Ouvrez CPx Bridge.", "C’est le service informatique", s.settings.Origin)
	s.settings.texts.Install = Bilingual{FR: "Au guichet TEST."}
	b.shows(b.get("/aide"), http.StatusOK, "Au guichet TEST.")
}
