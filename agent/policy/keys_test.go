package policy

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// another is a value of each key other than its default.
var another = map[string]string{
	"modules": `["/opt/other.so"]`, "modules_from_network": `true`, "pinentry": `"/opt/pinentry"`, "lang": `"en"`, "notifications": `false`, "quit": `false`,
	"origins.mode": `"listed"`, "origins.allow": `["https://a.example.fr"]`, "origins.block": `["https://b.example.fr"]`,
	"ports.first": `30000`, "ports.count": `20`, "pin.session": `"30m"`, "wss.enabled": `true`, "wss.first": `31000`, "wss.count": `20`,
	"log.level": `"debug"`, "log.events": `true`, "limits.pin_pad": `"151s"`, "limits.card": `"31s"`, "limits.other": `"11s"`,
}

// setting is a file that sets only the key.
func setting(t *testing.T, key string) string {
	t.Helper()
	value, known := another[key]
	if !known {
		t.Fatalf("this test needs a value of %s that is not its default", key)
	}
	if table, name, inTable := strings.Cut(key, "."); inTable {
		return "[" + table + "]\n" + name + " = " + value + "\n"
	}
	return key + " = " + value + "\n"
}

// TestEveryKey: every key that a file may set has an effect, and is described with its
// value and the file that sets it.
func TestEveryKey(t *testing.T) {
	without := mustLoad(t, "", "")
	for i, key := range keys() {
		with := mustLoad(t, setting(t, key), "")
		if reflect.DeepEqual(with.Settings, without.Settings) {
			t.Errorf("%s has no effect: see Effective.merge", key)
		}
		if !strings.HasSuffix(with.Sources[key], "policy.toml") || !with.Fixed(key) {
			t.Errorf("%s comes from %s, fixed by the policy: %v", key, with.Sources[key], with.Fixed(key))
		}
		for j, shown := range with.Describe() {
			before := without.Describe()[j]
			if differs := shown != before; differs != (i == j) {
				t.Errorf("where %s is set, %s is shown as %s from %s", key, shown.Key, shown.Value, shown.From)
			}
			if i == j && shown.Value == before.Value {
				t.Errorf("%s is always shown as %s: see Describe", key, shown.Value)
			}
		}
	}
}

// TestSettingsAreDefined: each setting has one definition, a bound where its kind needs
// one, and a default that it would itself take.
func TestSettingsAreDefined(t *testing.T) {
	settings := &Settings{}
	fields := map[any]string{}
	var walk func(reflect.Value, string)
	walk = func(v reflect.Value, name string) {
		if v.Kind() != reflect.Struct {
			fields[v.Addr().Interface()] = name
			return
		}
		for i := range v.NumField() {
			walk(v.Field(i), name+"."+v.Type().Field(i).Name)
		}
	}
	walk(reflect.ValueOf(settings).Elem(), "Settings")
	for i := range definitions {
		d := &definitions[i]
		where := d.in(settings)
		if _, free := fields[where]; !free {
			t.Errorf("%s goes where another key does", d.Key)
		}
		delete(fields, where)
		if defined(d.Key) != d {
			t.Errorf("%s is defined twice", d.Key)
		}
		d.put(settings, d.Default) // panics where it has another type
		if got := d.get(settings); !reflect.DeepEqual(got, d.Default) {
			t.Errorf("%s: %v, want %v", d.Key, got, d.Default)
		}
		if d.Kind == KindText && len(d.Values) == 0 || (d.Kind == KindNumber || d.Kind == KindDuration) && d.Most <= d.Least || d.Bounds == "" && d.Kind != KindSwitch && d.Kind != KindOrigins {
			t.Errorf("%s has no bounds", d.Key)
		}
	}
	for _, name := range fields {
		t.Errorf("%s has no definition", name)
	}
}

// TestKeysOfTheDocument: the administrators' table is that of the definitions, and the paragraph
// below it lists those that a person may not set beside a machine's policy.
func TestKeysOfTheDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "administrators.md"))
	if err != nil {
		t.Fatal(err)
	}
	document := string(text)
	if _, after, found := strings.Cut(document, "\n| key | written as | "); !found {
		t.Fatal("docs/administrators.md has no table of the settings")
	} else if table, _, _ := strings.Cut("| key | written as | "+after, "\n\n"); table != documentTable() {
		t.Errorf("the table of docs/administrators.md is to be\n%s", documentTable())
	}
	_, rest, found := strings.Cut(document, "\nWhere a machine policy exists, a person's ")
	paragraph, _, ended := strings.Cut(rest, " are not taken.")
	if !found || !ended {
		t.Fatal("docs/administrators.md does not say which of a person's keys are not taken")
	}
	for _, key := range keys() {
		table, _, _ := strings.Cut(key, ".")
		listed := strings.Contains(paragraph, "`"+table+"`") || strings.Contains(paragraph, ", `"+key+"`")
		e := mustLoad(t, "[origins]\nblock = []\n", setting(t, key)) // both files' entries count
		if refused := len(e.Warnings) > 0; refused != listed {
			t.Errorf("%s is refused: %v; the document says so: %v", key, refused, listed)
		}
	}
}

// documentTable is what the administrators read of the settings.
func documentTable() string {
	written := map[Kind]string{KindText: "text", KindNumber: "number", KindSwitch: "true or false", KindDuration: "duration", KindPath: "path",
		KindPaths: "list of paths", KindOrigins: "list of sites"}
	rows := []string{"| key | written as | meaning | default |", "|---|---|---|---|"}
	for i := 0; i < len(definitions); {
		first := &definitions[i]
		var keys, kinds []string
		for ; i < len(definitions) && (&definitions[i] == first || definitions[i].Meaning == ""); i++ {
			keys = append(keys, "`"+definitions[i].Key+"`")
			kinds = append(kinds, written[definitions[i].Kind])
		}
		rows = append(rows, "| "+strings.Join(keys, ", ")+" | "+strings.Join(slices.Compact(kinds), ", ")+" | "+first.Meaning+" | "+first.Otherwise+" |")
	}
	return strings.Join(rows, "\n")
}

func keys() (list []string) {
	for _, d := range Definitions() {
		list = append(list, d.Key)
	}
	return list
}
