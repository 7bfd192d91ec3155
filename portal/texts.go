package portal

import (
	_ "embed"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

//go:embed texts/sample.toml
var sampleTexts []byte

// Texts are what an operator writes: regions, how to obtain an account there,
// and contacts. They are data, not code.
type Texts struct {
	Support  Contact   `toml:"support"`
	Install  Bilingual `toml:"install"` // how to get the agent; "": the built-in text
	Default  Bilingual `toml:"default"` // how to obtain an account where a region does not say
	Services []string  `toml:"services"`
	Regions  []Region  `toml:"region"`
}

// Bilingual is a text in both languages of the site.
type Bilingual struct {
	FR string `toml:"fr"`
	EN string `toml:"en"`
}

func (b Bilingual) in(lang string) string {
	if lang == english && b.EN != "" {
		return b.EN
	}
	return b.FR
}

// Contact is where people get help.
type Contact struct {
	Name  string    `toml:"name"`
	Mail  string    `toml:"mail"`
	Phone string    `toml:"phone"`
	Hours Bilingual `toml:"hours"`
}

// Region of metropolitan or overseas France.
type Region struct {
	ID       string    `toml:"id"`
	Name     string    `toml:"name"`
	Overseas bool      `toml:"overseas"`
	How      Bilingual `toml:"how"`
	Mail     string    `toml:"mail"`
}

func loadTexts(path string) (*Texts, error) {
	name, text := "the built-in sample of texts", sampleTexts
	if path != "" {
		read, err := plainfile.ReadHanded(path, handedPatience)
		if err != nil {
			return nil, &SettingsError{File: path, Text: "cannot be read: " + err.Error()}
		}
		name, text = path, read
	}
	t := &Texts{}
	if _, err := tomlfile.Decode(name, text, t); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, r := range t.Regions {
		if r.ID == "" || r.Name == "" || seen[r.ID] {
			return nil, &SettingsError{File: name, Key: "region", Text: "each region needs a name, and an id of its own: " + r.ID + r.Name}
		}
		seen[r.ID] = true
	}
	return t, nil
}

// sample returns the key of a text that is still the sample's, if there is one.
func (t *Texts) sample() (string, bool) {
	contacts := map[string]string{"support.name": t.Support.Name, "support.mail": t.Support.Mail, "support.phone": t.Support.Phone, "support.hours": t.Support.Hours.FR + t.Support.Hours.EN,
		"default": t.Default.FR + t.Default.EN, "services": strings.Join(t.Services, " ")}
	for _, r := range t.Regions {
		contacts["region "+r.ID] = r.Mail + " " + r.How.FR + r.How.EN
	}
	for key, value := range contacts {
		if strings.Contains(value, "TEST") || strings.Contains(value, ".invalid") {
			return key, true
		}
	}
	return "", false
}

func (t *Texts) region(id string) (Region, bool) {
	for _, r := range t.Regions {
		if r.ID == id {
			return r, true
		}
	}
	return Region{}, false
}

// how is the text on obtaining an account in the region; portal is the site's name.
func (t *Texts) how(r Region, lang, portal string) string {
	text := r.How.in(lang)
	if text == "" {
		text = t.Default.in(lang)
	}
	return strings.NewReplacer("{{portal}}", portal, "{{mail}}", r.Mail).Replace(text)
}
