package portal

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
	"github.com/cpx-bridge/cpx-bridge/portal/passwords"
	"github.com/cpx-bridge/cpx-bridge/portal/settings"
)

// Every page shows in both languages with no text
// missing: none is empty, and no formatting verb lacks its argument.
func TestEveryPageInBothLanguages(t *testing.T) {
	for _, lang := range []string{french, english} {
		t.Run(lang, func(t *testing.T) {
			s := newSite(t)
			b := s.browser(t)
			b.header.Set("Accept-Language", lang)
			holder := demopki.NewUnnamedHolder(1)
			holder.Kind = "" // for the text about what a card does not say
			card := issue(t, pki().Intermediate, holder)
			pages := []answer{b.get("/"), b.get("/assistance"), b.get("/aide"), b.get(pathSelfTest), b.get("/rien"), b.get(pathFirst)}
			if next, _ := b.login(card); next != pathFirst {
				t.Fatal(next)
			}
			pages = append(pages, b.get(pathFirst), b.password("", ""), b.password(testName, "x"))
			for range passwords.FreeFailures {
				pages = append(pages, b.password(testName, "x"))
			}
			s.clock.pass(2 * time.Minute)
			b.redirected(b.password(testName, testPassword), pathFirst+"/confirmation")
			pages = append(pages, b.get(pathFirst+"/confirmation"))
			b.redirected(b.confirm(), pathAttached)
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
					if found := pattern.FindString(regexp.MustCompile(`/static/v-[^"]+`).ReplaceAllString(page.raw, "")); found != "" {
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
	for _, path := range []string{"/assistance", "/aide", pathSelfTest, pathSpace, "/rien"} {
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

// TestInstall: the support page says how to get the agent, in the operator's text
// where there is one, and the home page links there.
// TestFooter: the operator's statements are linked from every page, and nothing is where there are none.
func TestFooter(t *testing.T) {
	s := newSite(t)
	b := s.browser(t)
	if page := b.get("/"); strings.Contains(page.raw, `class="links"`) {
		t.Error("links without statements")
	}
	texts := s.settings.OperatorTexts()
	texts.Privacy = "/donnees"
	for state, says := range map[string]string{"full": "Accessibilité : totalement conforme", "partial": "Accessibilité : partiellement conforme", "none": "Accessibilité : non conforme"} {
		texts.Accessibility = settings.Accessibility{State: state, URL: "https://www.example.fr/accessibilite?a=1&b=2"}
		for _, path := range []string{"/", "/assistance", "/rien"} {
			page := b.get(path).raw
			for _, want := range []string{`<a href="https://www.example.fr/accessibilite?a=1&amp;b=2">` + says + `</a>`, `<a href="/donnees">Données personnelles</a>`} {
				if !strings.Contains(page, want) {
					t.Errorf("%s, %s: no %s", path, state, want)
				}
			}
		}
	}
}

func TestInstall(t *testing.T) {
	s := newSite(t, func(text string) string { return text + "\n[card_login]\ninstall_url = \"/assistance#agent\"\n" })
	b := s.browser(t)
	b.shows(b.get("/assistance"), http.StatusOK, "C’est le service informatique de votre établissement qui l’installe")
	if raw := b.get("/").raw; !strings.Contains(raw, `install-url="/assistance#agent"`) {
		t.Errorf("the home page has no such link:\n%s", raw)
	}
	s.settings.OperatorTexts().Install = settings.Bilingual{FR: "Au guichet TEST.", EN: "At the TEST desk."}
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
	source, err := os.ReadFile("../js/src/words.ts")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`const helps = /\^\(([\w|()]+)\)\$/;`).FindSubmatch(source)
	if list == nil {
		t.Fatal("this test cannot parse js/src/words.ts")
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
	s.settings.OperatorTexts().Install = settings.Bilingual{FR: "Au guichet TEST."}
	b.shows(b.get("/aide"), http.StatusOK, "Au guichet TEST.")
}
