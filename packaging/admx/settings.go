package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

const (
	topCategory       = "CPxBridge"
	supportedSettings = "SUPPORTED_CPxBridge"
)

// The lengths that a text may have: editors of group policy and Intune take 1023
// characters, and a duration is far shorter.
const (
	maxPath     = 1023
	maxDuration = 32
)

// settingsTemplate has every setting, each a policy of its own: what is not configured is
// not set. It uses no other template, because Intune and a local store need not have any.
func settingsTemplate() *template {
	t := &template{
		name: "cpx-bridge", prefix: "cpxbridge", namespace: "CPxBridge.Policies",
		title: func(say texts.Catalogue) string { return say.Text("admx.file") },
		supported: []named{{supportedSettings, func(say texts.Catalogue) (string, bool) {
			return say.Code("admx.supported", "settings")
		}}},
		categories: []category{{named: section("top", topCategory)}},
	}
	known := map[string]bool{}
	for _, d := range policy.Definitions() {
		in := topCategory
		if s := d.Section(); s != "" {
			in += "_" + s
			if !known[s] {
				known[s] = true
				t.categories = append(t.categories, category{section(s, in), topCategory})
			}
		}
		t.policies = append(t.policies, settingPolicy(&d, in))
	}
	return t
}

func section(code, id string) named {
	return named{id, func(say texts.Catalogue) (string, bool) { return say.Code("admx.section", code) }}
}

// codeOf is a setting's key as a code of the catalogue, and as a name in a template.
func codeOf(d *policy.Definition) string { return strings.ReplaceAll(d.Key, ".", "_") }

func settingPolicy(d *policy.Definition, in string) (p policyEntry) {
	code := codeOf(d)
	p.id, p.category, p.supported = code, in, supportedSettings
	p.name = func(say texts.Catalogue) (string, bool) { return say.Code("admx.name", code) }
	p.key, p.value = d.InPolicy()
	p.explain = func(say texts.Catalogue) (string, bool) { return explain(d, say) }
	switch d.Kind {
	case policy.KindText:
		p.offer(d)
	case policy.KindNumber:
		p.elements = &elementsXML{Decimal: &numberXML{code, p.value, true, d.Least, d.Most}}
		p.presentation = func(say texts.Catalogue) presentationXML {
			return presentationXML{Number: &spinXML{code, d.Default.(int), say.Text("admx.label.value")}}
		}
	case policy.KindDuration, policy.KindPath:
		p.elements = &elementsXML{Text: &textXML{code, p.value, true, maxDuration, false}}
		if d.Kind == policy.KindPath {
			p.elements.Text.MaxLength, p.elements.Text.Expandable = maxPath, true
		}
		p.presentation = func(say texts.Catalogue) presentationXML {
			box := &textBoxXML{RefID: code, Label: say.Text("admx.label.value")}
			if d.Kind == policy.KindDuration { // a path would be that of one who has another
				box.Default = example(d)[0]
			}
			return presentationXML{Text: box}
		}
	case policy.KindPaths, policy.KindOrigins:
		p.elements = &elementsXML{List: &listXML{ID: code, Key: p.key, Expandable: d.Kind == policy.KindPaths}}
		p.presentation = listBox(code)
	}
	return p
}

func listBox(id string) func(say texts.Catalogue) presentationXML {
	return func(say texts.Catalogue) presentationXML {
		return presentationXML{ListBox: &listBoxXML{id, say.Text("admx.label.list")}}
	}
}

// offer lets one choose among a setting's values, its default first chosen.
func (p *policyEntry) offer(d *policy.Definition) {
	items := &enumXML{ID: p.id, ValueName: p.value, Required: true}
	for _, value := range d.Values {
		code := p.id + "_" + value
		p.choices = append(p.choices, choice{named{code, func(say texts.Catalogue) (string, bool) { return say.Code("admx.choice", code) }}, value})
		items.Items = append(items.Items, itemXML{stringOf(code), valueXML{Text: value}})
	}
	p.elements = &elementsXML{Enum: items}
	first := max(slices.Index(d.Values, d.Default.(string)), 0)
	p.presentation = func(say texts.Catalogue) presentationXML {
		return presentationXML{Choice: &dropdownXML{p.id, true, first, say.Text("admx.label.value")}}
	}
}

// exampleOrigins are portals of nobody.
var exampleOrigins = []string{"https://portail.example.fr", "https://*.groupement.example.fr"}

// example is what a setting may be, for a list some entries. It is one that the setting
// takes (TestExamples).
func example(d *policy.Definition) []string {
	switch d.Kind {
	case policy.KindPath:
		return []string{`%ProgramFiles(x86)%\Gpg4win\bin\pinentry.exe`}
	case policy.KindPaths:
		return []string{`%ProgramFiles%\OpenSC Project\OpenSC\pkcs11\opensc-pkcs11.dll`}
	case policy.KindOrigins:
		if d.Key == "origins.block" { // nobody is to block what the other example allows
			return []string{"https://ancien-portail.example.fr"}
		}
		return exampleOrigins
	case policy.KindDuration:
		if span := d.Default.(time.Duration); span > 0 {
			return []string{span.String()}
		}
		return []string{"30m"}
	}
	return []string{fmt.Sprint(d.Default)}
}

// explain is what an editor shows beside the policy.
func explain(d *policy.Definition, say texts.Catalogue) (string, bool) {
	meaning, ok := say.Code("admx.meaning", codeOf(d))
	paragraphs := []string{meaning, strings.Join(valueLines(d, say), "\n"), strings.Join(stateLines(d, say), "\n"), strings.Join(whereLines(d, say), "\n")}
	return strings.Join(paragraphs, "\n\n"), ok
}

// valueLines say what a value may be, and what it is by default.
func valueLines(d *policy.Definition, say texts.Catalogue) (lines []string) {
	isPath := d.Kind == policy.KindPath || d.Kind == policy.KindPaths
	if d.Bounds != "" && d.Kind != policy.KindText { // whose choices are shown
		bounds := say.Text(d.Bounds)
		lines = append(lines, strings.ToUpper(bounds[:1])+bounds[1:]+".")
	}
	if isPath {
		lines = append(lines, say.Text("admx.say.variables", policy.Variables))
	}
	otherwise, ok := say.Code("admx.otherwise", codeOf(d))
	switch {
	case ok:
		lines = append(lines, say.Text("admx.say.default", otherwise))
	case d.Default == true:
		lines = append(lines, say.Text("admx.say.default_on"))
	case d.Default == false:
		lines = append(lines, say.Text("admx.say.default_off"))
	default:
		lines = append(lines, say.Text("admx.say.default", fmt.Sprint(d.Default)))
	}
	if d.Kind != policy.KindSwitch && d.Kind != policy.KindText {
		lines = append(lines, say.Text("admx.say.example", strings.Join(example(d), "\n")))
	}
	if isPath || d.Kind == policy.KindOrigins || d.Kind == policy.KindDuration { // which an editor does not check
		lines = append(lines, say.Text("admx.say.invalid"))
	}
	return lines
}

// stateLines say what enabled, disabled and not configured mean.
func stateLines(d *policy.Definition, say texts.Catalogue) (lines []string) {
	switch {
	case d.Kind == policy.KindSwitch:
		lines = append(lines, say.Text("admx.say.switch"))
	case d.Kind.List():
		lines = append(lines, say.Text("admx.say.disabled_list"))
	default:
		lines = append(lines, say.Text("admx.say.disabled"))
	}
	switch d.Person {
	case policy.Free:
		lines = append(lines, say.Text("admx.say.free"))
	case policy.Alone:
		lines = append(lines, say.Text("admx.say.alone"))
	case policy.Never:
		lines = append(lines, say.Text("admx.say.never"))
	}
	return lines
}

// whereLines say where the value shows on a workstation.
func whereLines(d *policy.Definition, say texts.Catalogue) (lines []string) {
	key, value := d.InPolicy()
	stored := "REG_SZ"
	switch d.Kind {
	case policy.KindNumber, policy.KindSwitch:
		stored = "REG_DWORD"
	case policy.KindPath, policy.KindPaths:
		stored = "REG_EXPAND_SZ"
	}
	if d.Kind.List() {
		lines = append(lines, say.Text("admx.say.where_list", key, stored))
	} else {
		lines = append(lines, say.Text("admx.say.where", key, value, stored))
	}
	return append(lines, say.Text("admx.say.key", d.Key))
}
