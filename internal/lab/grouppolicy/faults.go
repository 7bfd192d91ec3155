package grouppolicy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The bounds that editors of group policy and Intune have.
const (
	mostName    = 255  // characters of a policy's or category's name
	mostExplain = 8000 // of an explanation
)

var (
	identifier = regexp.MustCompile(`^[\p{L}\p{N}_]+$`)
	revision   = regexp.MustCompile(`^[0-9]{1,4}\.[0-9]{1,5}$`)
	reference  = regexp.MustCompile(`^\$\((string|presentation)\.([\p{L}\p{N}_]+)\)$`)
	// controls are what may ask for an element.
	controls = map[string]string{"decimal": "decimalTextBox", "text": "textBox", "enum": "dropdownList", "list": "listBox"}
)

// Faults are what an editor of group policy, or Intune, would refuse of the template or
// show wrongly, and texts that nothing uses.
func (t *Template) Faults() (faults []string) {
	f := func(format string, values ...any) { faults = append(faults, fmt.Sprintf(format, values...)) }
	if !revision.MatchString(t.Revision) || t.Resources.MinRequired != t.Revision || t.Schema != "1.0" || t.Resources.Fallback != "en-US" {
		f("revision %s, required of texts %s, schema %s, language %s", t.Revision, t.Resources.MinRequired, t.Schema, t.Resources.Fallback)
	}
	if len(t.Using) > 0 {
		f("it uses another template, which Intune and local stores need not have")
	}
	// With a colon, editors do not filter by what supports a policy.
	if !identifier.MatchString(t.Target.Prefix) || strings.ContainsAny(t.Target.Namespace, ":/ ") {
		f("the namespace %+v", t.Target)
	}
	used := map[string]int{}
	name := func(kind, name string, references ...string) {
		if !identifier.MatchString(name) || len(name) > mostName {
			f("%s %q has no name that is one", kind, name)
		}
		for _, r := range references {
			if !reference.MatchString(r) {
				f("%s %s refers to %q", kind, name, r)
			}
			used[r]++
		}
	}
	supported, categories, policies := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, s := range t.Supported {
		name("supported", s.Name, s.DisplayName)
		supported[s.Name] = true
	}
	for _, c := range t.Categories {
		name("category", c.Name, c.DisplayName)
		if categories[c.Name] || c.Parent != nil && !categories[c.Parent.Ref] {
			f("category %s is there twice, or before the one above it", c.Name)
		}
		categories[c.Name] = true
	}
	values := map[string]bool{}
	for _, p := range t.Policies {
		name("policy", p.Name, p.DisplayName, p.ExplainText)
		if p.Presentation != "" {
			name("policy", p.Name, p.Presentation)
		}
		if policies[p.Name] || categories[p.Name] {
			f("policy %s has a name that is there twice", p.Name)
		}
		policies[p.Name] = true
		if p.Class != "Machine" || !categories[p.Category.Ref] || !supported[p.Supported.Ref] {
			f("policy %s: class %s, category %s, supported %s", p.Name, p.Class, p.Category.Ref, p.Supported.Ref)
		}
		faults = append(faults, p.faults(values, used)...)
	}
	for _, culture := range slices.Sorted(maps.Keys(t.Texts)) {
		for _, fault := range t.textFaults(t.Texts[culture], used) {
			f("%s: %s", culture, fault)
		}
	}
	return faults
}

// faults are those of a policy's values; no two policies may set the same one.
func (p *Policy) faults(values map[string]bool, used map[string]int) (faults []string) {
	f := func(format string, values ...any) {
		faults = append(faults, "policy "+p.Name+": "+fmt.Sprintf(format, values...))
	}
	once := func(key, name string) {
		full := strings.ToLower(key + `\` + name)
		if values[full] {
			f("%s is set by another policy too", full)
		}
		values[full] = true
		if !strings.HasPrefix(key, `SOFTWARE\Policies\`) || strings.HasSuffix(key, `\`) {
			f("the key %s", key)
		}
	}
	if p.ValueName != "" {
		once(p.Key, p.ValueName)
		if p.EnabledValue == nil || p.DisabledValue == nil {
			f("without both values an editor sets a REG_DWORD or removes it, which is another meaning")
		}
	}
	if p.ValueName == "" && len(p.elements()) == 0 {
		f("it sets nothing")
	}
	if (p.Presentation == "") != (len(p.elements()) == 0) {
		f("elements without a presentation, or the other way round")
	}
	for _, e := range p.elements() {
		once(e.key(p), e.ValueName)
		kind := e.XMLName.Local
		switch {
		case controls[kind] == "":
			f("an element %s", kind)
		case e.ID == "" || (kind == "list") != (e.ValueName == ""):
			f("element %s sets %q", e.ID, e.ValueName)
		case kind == "decimal" && (e.Least == nil || e.Most == nil || *e.Least > *e.Most):
			f("element %s has no bounds", e.ID)
		case kind == "enum" && len(e.Items) < 2:
			f("element %s is no choice", e.ID)
		case kind == "list" && (e.Prefix == nil || e.Additive):
			f("list %s would be named by its entries, or leave old ones", e.ID)
		case kind != "list" && !e.Required:
			f("element %s may be left empty", e.ID)
		}
		for _, item := range e.Items {
			used[item.DisplayName]++
		}
	}
	return faults
}

func (t *Template) textFaults(texts *Texts, used map[string]int) (faults []string) {
	f := func(format string, values ...any) { faults = append(faults, fmt.Sprintf(format, values...)) }
	if texts.Revision != t.Revision {
		f("revision %s", texts.Revision)
	}
	known, names := map[string]bool{}, map[string]string{}
	add := func(id string) {
		if known[id] {
			f("%s is there twice", id)
		}
		if known[id] = true; used[id] == 0 {
			f("%s is not used", id)
		}
	}
	for _, s := range texts.Strings {
		id := "$(string." + s.ID + ")"
		add(id)
		names[id] = s.Text
		most := mostName
		if strings.HasSuffix(s.ID, "_Explain") {
			most = mostExplain
		}
		if n := len([]rune(s.Text)); n == 0 || n > most || strings.TrimSpace(s.Text) != s.Text || strings.Contains(s.Text, "%!") || strings.Contains(s.Text, "admx.") {
			f("%s is %q", id, s.Text)
		}
	}
	for _, p := range texts.Presentations {
		id := "$(presentation." + p.ID + ")"
		add(id)
		faults = append(faults, t.controlFaults(id, p)...)
	}
	for id := range used {
		if !known[id] {
			f("%s has no text", id)
		}
	}
	shown := map[string]string{}
	for _, p := range t.Policies {
		if other := shown[names[p.DisplayName]]; other != "" {
			f("%s and %s are called the same", other, p.Name)
		}
		shown[names[p.DisplayName]] = p.Name
	}
	return faults
}

// controlFaults: each element is asked for once, by its kind of control.
func (t *Template) controlFaults(id string, p Presentation) (faults []string) {
	i := slices.IndexFunc(t.Policies, func(policy Policy) bool { return policy.Presentation == id })
	if i < 0 {
		return nil // said already
	}
	elements := t.Policies[i].elements()
	if len(elements) != len(p.Controls) {
		return []string{fmt.Sprintf("%s asks for %d of %d elements", id, len(p.Controls), len(elements))}
	}
	for j, c := range p.Controls {
		e := elements[j]
		if c.RefID != e.ID || c.XMLName.Local != controls[e.XMLName.Local] || strings.TrimSpace(c.Label+c.Text) == "" {
			faults = append(faults, fmt.Sprintf("%s asks for %s by %s, %q", id, c.RefID, c.XMLName.Local, c.Label+c.Text))
		}
		if c.XMLName.Local == "dropdownList" && (!c.NoSort || c.DefaultItem >= len(e.Items)) {
			faults = append(faults, id+" sorts its choices, or chooses none of them")
		}
	}
	return faults
}
