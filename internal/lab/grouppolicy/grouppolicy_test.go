package grouppolicy

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const goodDefinitions = `<?xml version="1.0" encoding="UTF-8"?>
<policyDefinitions xmlns="http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions" revision="1.0" schemaVersion="1.0">
  <policyNamespaces><target prefix="played" namespace="Played.Policies"/></policyNamespaces>
  <resources minRequiredRevision="1.0" fallbackCulture="en-US"/>
  <supportedOn><definitions><definition name="since" displayName="$(string.since)"/></definitions></supportedOn>
  <categories><category name="top" displayName="$(string.top)"/></categories>
  <policies>
    <policy name="light" class="Machine" displayName="$(string.light)" explainText="$(string.light_Explain)" key="SOFTWARE\Policies\Played" valueName="light">
      <parentCategory ref="top"/><supportedOn ref="since"/>
      <enabledValue><decimal value="1"/></enabledValue><disabledValue><decimal value="0"/></disabledValue>
    </policy>
    <policy name="size" class="Machine" displayName="$(string.size)" explainText="$(string.size_Explain)" presentation="$(presentation.size)" key="SOFTWARE\Policies\Played">
      <parentCategory ref="top"/><supportedOn ref="since"/>
      <elements><decimal id="size" valueName="size" required="true" minValue="1" maxValue="20000"/></elements>
    </policy>
    <policy name="names" class="Machine" displayName="$(string.names)" explainText="$(string.names_Explain)" presentation="$(presentation.names)" key="SOFTWARE\Policies\Played\names">
      <parentCategory ref="top"/><supportedOn ref="since"/>
      <elements><list id="names" key="SOFTWARE\Policies\Played\names" valuePrefix="" additive="false"/></elements>
    </policy>
  </policies>
</policyDefinitions>`

const goodTexts = `<?xml version="1.0" encoding="UTF-8"?>
<policyDefinitionResources xmlns="http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions" revision="1.0" schemaVersion="1.0">
  <displayName>Played</displayName><description>Played</description>
  <resources>
    <stringTable>
      <string id="since">Played 1</string><string id="top">Played</string>
      <string id="light">Light</string><string id="light_Explain">Whether there is light.</string>
      <string id="size">Size</string><string id="size_Explain">How large it is.</string>
      <string id="names">Names</string><string id="names_Explain">Who it is.</string>
    </stringTable>
    <presentationTable>
      <presentation id="size"><decimalTextBox refId="size" defaultValue="2">Size:</decimalTextBox></presentation>
      <presentation id="names"><listBox refId="names">Names:</listBox></presentation>
    </presentationTable>
  </resources>
</policyDefinitionResources>`

func played(t *testing.T, definitions, texts string) (*Template, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "en-US"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"played.admx": definitions, "en-US/played.adml": texts} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Read(dir, "played")
}

// TestFaults: a good template has none, and each fault that an editor or Intune would stumble
// over is found.
func TestFaults(t *testing.T) {
	good, err := played(t, goodDefinitions, goodTexts)
	if err != nil || len(good.Faults()) > 0 {
		t.Fatalf("%v, %q", err, good.Faults())
	}
	for name, c := range map[string]struct{ old, with, want string }{
		"texts of an older release": {`revision="1.0" schemaVersion="1.0">` + "\n  <displayName>", `revision="0.9" schemaVersion="1.0">` + "\n  <displayName>", "revision 0.9"},
		"another template":          {`</policyNamespaces>`, `<using prefix="windows" namespace="Microsoft.Policies.Windows"/></policyNamespaces>`, "another template"},
		"a colon":                   {`"Played.Policies"`, `"https://played.example/Policies"`, "namespace"},
		"no text":                   {`<string id="size_Explain">How large it is.</string>`, ``, "$(string.size_Explain) has no text"},
		"empty text":                {`How large it is.`, ``, "$(string.size_Explain) is"},
		"unused text":               {`<string id="top">`, `<string id="other">Other</string><string id="top">`, "$(string.other) is not used"},
		"text twice":                {`<string id="top">`, `<string id="top">Top</string><string id="top">`, "there twice"},
		"value not inserted":        {`Who it is.`, `Who %!s(MISSING) is.`, "names_Explain"},
		"the same name":             {`>Size</string>`, `>Light</string>`, "called the same"},
		"no presentation":           {`<presentation id="names"><listBox refId="names">Names:</listBox></presentation>`, ``, "$(presentation.names) has no text"},
		"another control":           {`<listBox refId="names">Names:</listBox>`, `<textBox refId="names"><label>Names</label></textBox>`, "asks for names by textBox"},
		"another element":           {`refId="size"`, `refId="sise"`, "asks for sise"},
		"class":                     {`name="size" class="Machine"`, `name="size" class="User"`, "class User"},
		"no category":               {`<parentCategory ref="top"/>`, `<parentCategory ref="topp"/>`, "category topp"},
		"not supported":             {`<supportedOn ref="since"/>`, `<supportedOn ref="windows:since"/>`, "supported windows:since"},
		"value twice":               {`valueName="size"`, `valueName="Light"`, "by another policy too"},
		"Microsoft's key":           {`key="SOFTWARE\Policies\Played" valueName`, `key="SOFTWARE\Played" valueName`, "the key"},
		"no bounds":                 {` maxValue="20000"`, ``, "no bounds"},
		"may be empty":              {` required="true"`, ``, "left empty"},
		"named by entries":          {` valuePrefix=""`, ``, "named by its entries"},
		"old entries stay":          {`additive="false"`, `additive="true"`, "leave old ones"},
		"a combo box":               {`<decimal id="size" valueName="size" required="true" minValue="1" maxValue="20000"/>`, `<multiText id="size" valueName="size" required="true"/>`, "multiText"},
		"no value for disabled":     {`<disabledValue><decimal value="0"/></disabledValue>`, ``, "both values"},
		"policy twice":              {`name="size" class`, `name="light" class`, "there twice"},
	} {
		definitions, texts := strings.Replace(goodDefinitions, c.old, c.with, 1), strings.Replace(goodTexts, c.old, c.with, 1)
		if definitions == goodDefinitions && texts == goodTexts {
			t.Fatalf("%s changes nothing", name)
		}
		bad, err := played(t, definitions, texts)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if faults := bad.Faults(); !strings.Contains(strings.Join(faults, "\n"), c.want) {
			t.Errorf("%s: %q, want %q", name, faults, c.want)
		}
	}
	for name, definitions := range map[string]string{"no XML": "policy", "another schema": strings.Replace(goodDefinitions, "2006/07", "2007/06", 1), "another document": goodTexts} {
		if _, err := played(t, definitions, goodTexts); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

// TestOperations: what MS-GPREG says of each element.
func TestOperations(t *testing.T) {
	template, err := played(t, goodDefinitions, goodTexts)
	if err != nil {
		t.Fatal(err)
	}
	written := func(list []Operation) (texts []string) {
		for _, o := range list {
			texts = append(texts, strings.TrimSpace(o.Do+" "+strings.TrimPrefix(o.Key, `SOFTWARE\Policies\`)+" "+o.Name))
		}
		return texts
	}
	for _, c := range []struct {
		policy string
		value  any
		want   []string // nil: refused
	}{
		{"light", nil, []string{`set Played light`}},
		{"size", 20000, []string{`set Played size`}},
		{"size", 20001, nil}, {"size", 0, nil}, {"size", nil, nil}, {"size", "1", nil},
		{"names", []string{"b", "a"}, []string{`delete values Played\names`, `set Played\names 1`, `set Played\names 2`}},
		{"names", "a", nil},
	} {
		list, err := template.Policy(c.policy).Enabled(map[string]any{c.policy: c.value})
		if errors.Is(err, ErrRefused) != (c.want == nil) || !slices.Equal(written(list), c.want) {
			t.Errorf("%s, %v: %q, %v", c.policy, c.value, written(list), err)
		}
	}
	for policy, want := range map[string][]string{"light": {`set Played light`}, "size": {`delete Played size`}, "names": {`delete values Played\names`}} {
		if got := written(template.Policy(policy).Disabled()); !slices.Equal(got, want) {
			t.Errorf("%s disabled: %q", policy, got)
		}
	}
	if template.Policy("other") != nil {
		t.Error("a policy that is not there")
	}
}
