package settings

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

//go:embed sample.toml
var sampleTexts []byte

// Texts are what an operator writes: regions, how to obtain an account there,
// and contacts. They are data, not code.
type Texts struct {
	Support  Contact   `toml:"support"`
	Install  Bilingual `toml:"install"` // how to get the agent; "": the built-in text
	Default  Bilingual `toml:"default"` // how to obtain an account where a region does not say
	Services []string  `toml:"services"`
	Regions  []Region  `toml:"region"`
	// Accessibility and Privacy are the operator's own pages, to which the footer of each page leads.
	Accessibility Accessibility `toml:"accessibility"`
	Privacy       string        `toml:"privacy"`
}

// Accessibility is the statement that the law asks of public bodies: how far the site conforms,
// "full", "partial" or "none", and where the statement is.
type Accessibility struct {
	State string `toml:"state"`
	URL   string `toml:"url"`
}

// Bilingual is a text in both languages of the site.
type Bilingual struct {
	FR string `toml:"fr"`
	EN string `toml:"en"`
}

// In is the text in a language, in French where the other is missing.
func (b Bilingual) In(lang string) string {
	if lang == language.English && b.EN != "" {
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

// errUnread says that the file of the texts cannot be read, which is the settings' fault.
var errUnread = errors.New("cannot be read")

func loadTexts(path string) (*Texts, error) {
	name, text := "the built-in sample of texts", sampleTexts
	if path != "" {
		read, err := plainfile.ReadHanded(path, handedPatience)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errUnread, err)
		}
		name, text = path, read
	}
	t := &Texts{}
	if _, err := tomlfile.Decode(name, text, t); err != nil {
		return nil, err
	}
	if key, bad := t.links(); bad != "" {
		return nil, &Error{File: name, Key: key, Text: bad}
	}
	seen := map[string]bool{}
	for _, r := range t.Regions {
		if r.ID == "" || r.Name == "" || seen[r.ID] {
			return nil, &Error{File: name, Key: "region", Text: "each region needs a name, and an id of its own: " + r.ID + r.Name}
		}
		seen[r.ID] = true
	}
	return t, nil
}

// links returns the key of a link in the footer that leads nowhere, and what is wrong with it.
func (t *Texts) links() (key, bad string) {
	for key, at := range map[string]string{"accessibility.url": t.Accessibility.URL, "privacy": t.Privacy} {
		if at != "" && !ownOrHTTPS(at) {
			return key, "a path of this site, or an address that begins with https://"
		}
	}
	if (t.Accessibility.State == "") != (t.Accessibility.URL == "") {
		return "accessibility", "state and url go together"
	}
	if !slices.Contains([]string{"", "full", "partial", "none"}, t.Accessibility.State) {
		return "accessibility.state", `one of "full", "partial", "none"; without an audit that still holds it is "none"`
	}
	return "", ""
}

// sample returns the keys of the texts that are still the sample's, sorted.
func (t *Texts) sample() (keys []string) {
	contacts := map[string]string{"support.name": t.Support.Name, "support.mail": t.Support.Mail, "support.phone": t.Support.Phone, "support.hours": t.Support.Hours.FR + t.Support.Hours.EN,
		"default": t.Default.FR + t.Default.EN, "services": strings.Join(t.Services, " ")}
	for _, r := range t.Regions {
		contacts["region "+r.ID] = r.Mail + " " + r.How.FR + r.How.EN
	}
	for key, value := range contacts {
		if strings.Contains(value, "TEST") || strings.Contains(value, ".invalid") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Region returns a region by its ID.
func (t *Texts) Region(id string) (Region, bool) {
	for _, r := range t.Regions {
		if r.ID == id {
			return r, true
		}
	}
	return Region{}, false
}

// How is the text on obtaining an account in the region; portal is the site's name.
func (t *Texts) How(r Region, lang, portal string) string {
	text := r.How.In(lang)
	if text == "" {
		text = t.Default.In(lang)
	}
	return strings.NewReplacer("{{portal}}", portal, "{{mail}}", r.Mail).Replace(text)
}
