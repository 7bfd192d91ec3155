package house

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

//go:embed glossary.toml
var glossaryFile string

// Glossary is glossary.toml: the words that names are not made of.
type Glossary struct {
	Rows       []Word      `toml:"word"`
	Phrases    []Exception `toml:"phrase"`
	Exceptions []Exception `toml:"exception"`
}

// Word is one row: words of old, and what says the same now.
type Word struct {
	Old []string
	New string
}

// Exception is a phrase or a name that stays, with why.
type Exception struct {
	Name   string
	Reason string
}

// ReadGlossary reads glossary.toml.
func ReadGlossary() (*Glossary, error) { return parseGlossary(glossaryFile) }

func parseGlossary(text string) (*Glossary, error) {
	g := &Glossary{}
	if err := toml.NewDecoder(strings.NewReader(text)).DisallowUnknownFields().Decode(g); err != nil {
		return nil, fmt.Errorf("glossary.toml: %w", err)
	}
	seen := map[string]bool{}
	for _, e := range slices.Concat(g.Phrases, g.Exceptions) {
		if e.Name == "" || len(strings.Fields(e.Reason)) < 2 {
			return nil, fmt.Errorf("glossary.toml: the exception %q says no reason", e.Name)
		}
		if seen[e.Name] {
			return nil, fmt.Errorf("glossary.toml: the exception %q stands there twice", e.Name)
		}
		seen[e.Name] = true
	}
	return g, nil
}

// Use is a name with an old word in it.
type Use struct {
	Name
	Old, New string
}

func (u Use) String() string {
	if u.Line == 0 {
		return fmt.Sprintf("%s: %s (%s: %s)", u.File, u.Name.Name, u.Old, u.New)
	}
	return fmt.Sprintf("%s:%d: %s (%s: %s)", u.File, u.Line, u.Name.Name, u.Old, u.New)
}

// Compare returns the names that bear an old word without being excepted, and
// the phrases and exceptions that no name needs.
func (g *Glossary) Compare(names []Name) (uses []Use, idle []string) {
	instead := map[string]string{}
	for _, w := range g.Rows {
		for _, old := range w.Old {
			instead[old] = w.New
		}
	}
	needed := map[string]bool{}
	for _, n := range names {
		olds := g.olds(n.Name, instead, needed)
		if e := g.excepted(n); e != "" && len(olds) > 0 {
			needed[e] = true
			continue
		}
		for _, old := range olds {
			uses = append(uses, Use{Name: n, Old: old, New: instead[old]})
		}
	}
	for _, e := range slices.Concat(g.Phrases, g.Exceptions) {
		if !needed[e.Name] {
			idle = append(idle, e.Name)
		}
	}
	return uses, idle
}

// olds are the words of old in a name, outside phrases. The phrases that it has
// are marked as needed.
func (g *Glossary) olds(name string, instead map[string]string, needed map[string]bool) []string {
	var olds []string
	for _, reading := range Readings(name) {
		text := " " + strings.Join(reading, " ") + " "
		for _, phrase := range g.Phrases {
			if strings.Contains(text, " "+phrase.Name+" ") {
				needed[phrase.Name] = true
				text = strings.ReplaceAll(text, " "+phrase.Name+" ", " ")
			}
		}
		for _, segment := range strings.Fields(text) {
			if instead[segment] != "" && !slices.Contains(olds, segment) {
				olds = append(olds, segment)
			}
		}
	}
	return olds
}

// excepted is the exception that lets a name stay, or empty. A plain name does
// not except files and folders.
func (g *Glossary) excepted(n Name) string {
	as := []string{n.Name, n.Package + "." + n.Name}
	if n.Line == 0 {
		as = []string{n.File}
	}
	i := slices.IndexFunc(g.Exceptions, func(e Exception) bool { return slices.Contains(as, e.Name) })
	if i < 0 {
		return ""
	}
	return g.Exceptions[i].Name
}
