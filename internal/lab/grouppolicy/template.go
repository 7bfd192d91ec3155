// Package grouppolicy reads administrative templates and says what group policy writes
// into a registry for them, so that a test sees what an administrator's choice becomes on a
// workstation. What it knows of the format comes from MS-GPREG and from Microsoft's page
// "ADMX syntax", and from no code of ours that makes such files.
//
// A template may be used concurrently. It never touches a registry itself.
package grouppolicy

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Template is a file of policies with its texts in each language.
type Template struct {
	Revision  string     `xml:"revision,attr"`
	Schema    string     `xml:"schemaVersion,attr"`
	Target    Namespace  `xml:"policyNamespaces>target"`
	Using     []struct{} `xml:"policyNamespaces>using"`
	Resources struct {
		MinRequired string `xml:"minRequiredRevision,attr"`
		Fallback    string `xml:"fallbackCulture,attr"`
	} `xml:"resources"`
	Supported  []Named    `xml:"supportedOn>definitions>definition"`
	Categories []Category `xml:"categories>category"`
	Policies   []Policy   `xml:"policies>policy"`

	Texts map[string]*Texts `xml:"-"` // by culture
}

// Namespace is what other templates call this one.
type Namespace struct {
	Prefix    string `xml:"prefix,attr"`
	Namespace string `xml:"namespace,attr"`
}

// Named has a name, and a reference to what it is called.
type Named struct {
	Name        string `xml:"name,attr"`
	DisplayName string `xml:"displayName,attr"`
}

// Category is a folder of the editor.
type Category struct {
	Named
	Parent *Ref `xml:"parentCategory"`
}

// Ref is a reference to something by its name.
type Ref struct {
	Ref string `xml:"ref,attr"`
}

// Policy is one line of the editor.
type Policy struct {
	Named
	Class         string     `xml:"class,attr"`
	ExplainText   string     `xml:"explainText,attr"`
	Presentation  string     `xml:"presentation,attr"`
	Key           string     `xml:"key,attr"`
	ValueName     string     `xml:"valueName,attr"`
	Category      Ref        `xml:"parentCategory"`
	Supported     Ref        `xml:"supportedOn"`
	EnabledValue  *ValueXML  `xml:"enabledValue"`
	DisabledValue *ValueXML  `xml:"disabledValue"`
	Elements      *ElementsX `xml:"elements"`
}

// ValueXML is a value that the template itself has.
type ValueXML struct {
	Decimal *struct {
		Value uint32 `xml:"value,attr"`
	} `xml:"decimal"`
	String *string   `xml:"string"`
	Delete *struct{} `xml:"delete"`
}

// ElementsX holds a policy's elements in their order.
type ElementsX struct {
	List []Element `xml:",any"`
}

// Element is what one enters for a policy.
type Element struct {
	XMLName    xml.Name
	ID         string  `xml:"id,attr"`
	Key        string  `xml:"key,attr"`
	ValueName  string  `xml:"valueName,attr"`
	Required   bool    `xml:"required,attr"`
	Least      *uint32 `xml:"minValue,attr"`
	Most       *uint32 `xml:"maxValue,attr"`
	MaxLength  *int    `xml:"maxLength,attr"`
	Expandable bool    `xml:"expandable,attr"`
	Prefix     *string `xml:"valuePrefix,attr"`
	Additive   bool    `xml:"additive,attr"`
	Explicit   bool    `xml:"explicitValue,attr"`
	Items      []struct {
		DisplayName string   `xml:"displayName,attr"`
		Value       ValueXML `xml:"value"`
	} `xml:"item"`
}

// Texts are a template's texts in one language.
type Texts struct {
	Revision string `xml:"revision,attr"`
	Strings  []struct {
		ID   string `xml:"id,attr"`
		Text string `xml:",chardata"`
	} `xml:"resources>stringTable>string"`
	Presentations []Presentation `xml:"resources>presentationTable>presentation"`
}

// Presentation is how an editor asks for a policy's elements.
type Presentation struct {
	ID       string    `xml:"id,attr"`
	Controls []Control `xml:",any"`
}

// Control asks for one element.
type Control struct {
	XMLName     xml.Name
	RefID       string `xml:"refId,attr"`
	Default     string `xml:"defaultValue,attr"`
	DefaultItem int    `xml:"defaultItem,attr"`
	NoSort      bool   `xml:"noSort,attr"`
	Label       string `xml:"label"`
	DefaultText string `xml:"defaultValue"`
	Text        string `xml:",chardata"`
}

// Namespaces and the schema's element of each kind of file.
const schema = "http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions"

// Read reads the template name.admx of a folder with all its languages.
func Read(dir, name string) (*Template, error) {
	t := &Template{Texts: map[string]*Texts{}}
	if err := readXML(filepath.Join(dir, name+".admx"), "policyDefinitions", t); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", name+".adml"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		texts := &Texts{}
		if err := readXML(file, "policyDefinitionResources", texts); err != nil {
			return nil, err
		}
		t.Texts[filepath.Base(filepath.Dir(file))] = texts
	}
	return t, nil
}

func readXML(file, root string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var top struct{ XMLName xml.Name }
	if err := xml.Unmarshal(text, &top); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if top.XMLName != (xml.Name{Space: schema, Local: root}) {
		return fmt.Errorf("%s: the document is %v", file, top.XMLName)
	}
	return xml.Unmarshal(text, into)
}

// Policy is the policy of that name.
func (t *Template) Policy(name string) *Policy {
	i := slices.IndexFunc(t.Policies, func(p Policy) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &t.Policies[i]
}

// Elements are the policy's elements, none for one that is on or off.
func (p *Policy) elements() []Element {
	if p.Elements == nil {
		return nil
	}
	return p.Elements.List
}
