package main

import (
	"fmt"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// template is a file of policies with its texts.
type template struct {
	name, prefix, namespace string
	title                   func(say texts.Catalogue) string
	supported               []named
	categories              []category
	policies                []policyEntry
}

// named is something that has a name in each language.
type named struct {
	id   string
	name func(say texts.Catalogue) (string, bool)
}

type category struct {
	named
	parent string // "": at the top
}

// policyEntry is a policy of the template.
type policyEntry struct {
	named
	category, supported string
	key, value          string // below HKEY_LOCAL_MACHINE; a list has no name of a value
	explain             func(say texts.Catalogue) (string, bool)
	choices             []choice
	// elements and presentation are what one enters; a switch has none.
	elements     *elementsXML
	presentation func(say texts.Catalogue) presentationXML
}

// choice is one of the values that a policy offers.
type choice struct {
	named
	value string
}

// files are the template's files by their paths.
func (t *template) files(revision string) (map[string][]byte, error) {
	definitions, err := encoded(t.definitions(revision))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{t.name + ".admx": definitions}
	for lang, culture := range cultures {
		document, err := t.resources(revision, texts.In(lang))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", culture, err)
		}
		if files[culture+"/"+t.name+".adml"], err = encoded(document); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (t *template) definitions(revision string) *definitionsFile {
	file := &definitionsFile{
		Schema: schema, Revision: revision, SchemaVersion: "1.0",
		Target: target{t.prefix, t.namespace}, Resources: resources{revision, cultures[language.English]},
	}
	for _, s := range t.supported {
		file.Supported = append(file.Supported, supportedXML{s.id, stringOf(s.id)})
	}
	for _, c := range t.categories {
		out := categoryXML{Name: c.id, DisplayName: stringOf(c.id)}
		if c.parent != "" {
			out.Parent = &reference{c.parent}
		}
		file.Categories = append(file.Categories, out)
	}
	for _, p := range t.policies {
		file.Policies = append(file.Policies, p.definition())
	}
	return file
}

func (p *policyEntry) definition() *definitionXML {
	out := &definitionXML{
		Name: p.id, Class: "Machine", DisplayName: stringOf(p.id), ExplainText: stringOf(explainID(p.id)),
		Key: p.key, Parent: reference{p.category}, Supported: reference{p.supported}, Elements: p.elements,
	}
	if p.elements == nil {
		out.ValueName = p.value
		out.Enabled, out.Disabled = &valueXML{Decimal: &decimalXML{1}}, &valueXML{Decimal: &decimalXML{0}}
		return out
	}
	out.Presentation = "$(presentation." + p.id + ")"
	return out
}

// resources are the texts in one language. One that is missing is an error: an editor would
// refuse the whole file.
func (t *template) resources(revision string, say texts.Catalogue) (*resourcesFile, error) {
	title := textual{escaped(t.title(say))}
	file := &resourcesFile{Schema: schema, Revision: revision, SchemaVersion: "1.0", DisplayName: title, Description: title}
	var missing []string
	add := func(id string, of func(texts.Catalogue) (string, bool)) {
		text, ok := of(say)
		if !ok {
			missing = append(missing, id)
		}
		file.Strings = append(file.Strings, stringXML{id, escaped(text)})
	}
	for _, s := range t.supported {
		add(s.id, s.name)
	}
	for _, c := range t.categories {
		add(c.id, c.name)
	}
	for _, p := range t.policies {
		add(p.id, p.name)
		add(explainID(p.id), p.explain)
		for _, c := range p.choices {
			add(c.id, c.name)
		}
		if p.presentation != nil {
			shown := p.presentation(say)
			shown.ID = p.id
			file.Presentations = append(file.Presentations, shown)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("internal/texts/admx.toml lacks the texts of %v", missing)
	}
	return file, nil
}

func explainID(id string) string { return id + "_Explain" }

func stringOf(id string) string { return "$(string." + id + ")" }
