package main

import (
	"encoding/xml"
	"strings"
)

// schema is the namespace of both kinds of file (MS-GPREG, PolicyDefinitionFiles.xsd).
const schema = "http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions"

// The documents, as far as we write them. Their parts stand in the schema's order.
type (
	definitionsFile struct {
		XMLName       xml.Name         `xml:"policyDefinitions"`
		Schema        string           `xml:"xmlns,attr"`
		Revision      string           `xml:"revision,attr"`
		SchemaVersion string           `xml:"schemaVersion,attr"`
		Target        target           `xml:"policyNamespaces>target"`
		Resources     resources        `xml:"resources"`
		Supported     []supportedXML   `xml:"supportedOn>definitions>definition"`
		Categories    []categoryXML    `xml:"categories>category"`
		Policies      []*definitionXML `xml:"policies>policy"`
	}
	target struct {
		Prefix    string `xml:"prefix,attr"`
		Namespace string `xml:"namespace,attr"`
	}
	resources struct {
		MinRequired string `xml:"minRequiredRevision,attr"`
		Fallback    string `xml:"fallbackCulture,attr"`
	}
	supportedXML struct {
		Name        string `xml:"name,attr"`
		DisplayName string `xml:"displayName,attr"`
	}
	categoryXML struct {
		Name        string     `xml:"name,attr"`
		DisplayName string     `xml:"displayName,attr"`
		Parent      *reference `xml:"parentCategory"`
	}
	reference struct {
		Ref string `xml:"ref,attr"`
	}
	definitionXML struct {
		Name         string       `xml:"name,attr"`
		Class        string       `xml:"class,attr"`
		DisplayName  string       `xml:"displayName,attr"`
		ExplainText  string       `xml:"explainText,attr"`
		Presentation string       `xml:"presentation,attr,omitempty"`
		Key          string       `xml:"key,attr"`
		ValueName    string       `xml:"valueName,attr,omitempty"`
		Parent       reference    `xml:"parentCategory"`
		Supported    reference    `xml:"supportedOn"`
		Enabled      *valueXML    `xml:"enabledValue"`
		Disabled     *valueXML    `xml:"disabledValue"`
		Elements     *elementsXML `xml:"elements"`
	}
	valueXML struct {
		Decimal *decimalXML `xml:"decimal"`
		Text    string      `xml:"string,omitempty"`
	}
	decimalXML struct {
		Value int64 `xml:"value,attr"`
	}
	elementsXML struct {
		Decimal *numberXML `xml:"decimal"`
		Text    *textXML   `xml:"text"`
		Enum    *enumXML   `xml:"enum"`
		List    *listXML   `xml:"list"`
	}
	numberXML struct {
		ID        string `xml:"id,attr"`
		ValueName string `xml:"valueName,attr"`
		Required  bool   `xml:"required,attr"`
		Least     int64  `xml:"minValue,attr"`
		Most      int64  `xml:"maxValue,attr"`
	}
	textXML struct {
		ID         string `xml:"id,attr"`
		ValueName  string `xml:"valueName,attr"`
		Required   bool   `xml:"required,attr"`
		MaxLength  int    `xml:"maxLength,attr"`
		Expandable bool   `xml:"expandable,attr,omitempty"`
	}
	enumXML struct {
		ID        string    `xml:"id,attr"`
		ValueName string    `xml:"valueName,attr"`
		Required  bool      `xml:"required,attr"`
		Items     []itemXML `xml:"item"`
	}
	itemXML struct {
		DisplayName string   `xml:"displayName,attr"`
		Value       valueXML `xml:"value"`
	}
	listXML struct {
		ID         string `xml:"id,attr"`
		Key        string `xml:"key,attr"`
		Prefix     string `xml:"valuePrefix,attr"` // empty, and there: else each entry's name is its text
		Additive   bool   `xml:"additive,attr"`
		Expandable bool   `xml:"expandable,attr,omitempty"`
	}
)

type (
	resourcesFile struct {
		XMLName       xml.Name          `xml:"policyDefinitionResources"`
		Schema        string            `xml:"xmlns,attr"`
		Revision      string            `xml:"revision,attr"`
		SchemaVersion string            `xml:"schemaVersion,attr"`
		DisplayName   textual           `xml:"displayName"`
		Description   textual           `xml:"description"`
		Strings       []stringXML       `xml:"resources>stringTable>string"`
		Presentations []presentationXML `xml:"resources>presentationTable>presentation"`
	}
	// textual is a text whose lines stay lines.
	textual struct {
		Text string `xml:",innerxml"`
	}
	stringXML struct {
		ID   string `xml:"id,attr"`
		Text string `xml:",innerxml"`
	}
	presentationXML struct {
		ID      string       `xml:"id,attr"`
		Number  *spinXML     `xml:"decimalTextBox"`
		Text    *textBoxXML  `xml:"textBox"`
		Choice  *dropdownXML `xml:"dropdownList"`
		ListBox *listBoxXML  `xml:"listBox"`
	}
	spinXML struct {
		RefID   string `xml:"refId,attr"`
		Default int    `xml:"defaultValue,attr"`
		Label   string `xml:",chardata"`
	}
	textBoxXML struct {
		RefID   string `xml:"refId,attr"`
		Label   string `xml:"label"`
		Default string `xml:"defaultValue,omitempty"`
	}
	dropdownXML struct {
		RefID   string `xml:"refId,attr"`
		NoSort  bool   `xml:"noSort,attr"`
		Default int    `xml:"defaultItem,attr"`
		Label   string `xml:",chardata"`
	}
	listBoxXML struct {
		RefID string `xml:"refId,attr"`
		Label string `xml:",chardata"`
	}
)

var escapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func escaped(text string) string { return escapes.Replace(text) }
