package settings

import (
	"regexp"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
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

// The five regions that have texts of their own, and a default for the others;
// the sample's addresses are all in domains that no mail can reach (RFC 6761).
func TestSampleTexts(t *testing.T) {
	texts, err := loadTexts("")
	if err != nil {
		t.Fatal(err)
	}
	own, overseas := 0, 0
	for _, r := range texts.Regions {
		for _, lang := range []string{language.French, language.English} {
			text := texts.How(r, lang, "PORTAIL")
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
	if len(texts.sample()) == 0 {
		t.Error("the sample is not recognised as one")
	}
}
