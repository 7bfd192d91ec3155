package policy

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// another is a value of each key other than its default.
var another = map[string]string{
	"modules": `["/opt/other.so"]`, "pinentry": `"/opt/pinentry"`, "lang": `"en"`, "notifications": `false`,
	"origins.mode": `"listed"`, "origins.allow": `["https://a.example.fr"]`, "origins.block": `["https://b.example.fr"]`,
	"ports.first": `30000`, "ports.count": `20`, "pin.session": `"30m"`, "wss.enabled": `true`, "wss.first": `31000`, "wss.count": `20`,
	"log.level": `"debug"`, "limits.pin_pad": `"151s"`, "limits.card": `"31s"`, "limits.other": `"11s"`,
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
	for i, key := range keys {
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

// TestKeys: the listed keys are those that a file may set.
func TestKeys(t *testing.T) {
	var accepted []string
	var walk func(reflect.Type, string)
	walk = func(kind reflect.Type, before string) {
		for i := range kind.NumField() {
			field := kind.Field(i)
			name := field.Tag.Get("toml")
			switch {
			case name == "":
			case field.Type.Kind() == reflect.Struct:
				walk(field.Type, name+".")
			default:
				accepted = append(accepted, before+name)
			}
		}
	}
	walk(reflect.TypeFor[file](), "")
	if listed := slices.Sorted(slices.Values(keys)); !slices.Equal(slices.Sorted(slices.Values(accepted)), listed) {
		t.Errorf("a file may set %q, listed are %q", accepted, listed)
	}
}

// TestKeysOfTheDocument: the administrators' table has each key, and the paragraph
// below it lists those that a person may not set beside a machine's policy.
func TestKeysOfTheDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "administrators.md"))
	if err != nil {
		t.Fatal(err)
	}
	document := string(text)
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| ((?:`[a-z_.]+`(?:, )?)+) \\|").FindAllStringSubmatch(document, -1) {
		for _, m := range regexp.MustCompile("`([a-z_.]+)`").FindAllStringSubmatch(row[1], -1) {
			if slices.Contains(keys, m[1]) {
				documented = append(documented, m[1])
			}
		}
	}
	slices.Sort(documented) // another table of that document has a `lang` too
	if want := slices.Sorted(slices.Values(keys)); !slices.Equal(slices.Compact(documented), want) {
		t.Errorf("the table has %q, the keys are %q", documented, want)
	}
	_, rest, found := strings.Cut(document, "\nWhere a machine policy exists, a person's ")
	paragraph, _, ended := strings.Cut(rest, " are not taken.")
	if !found || !ended {
		t.Fatal("docs/administrators.md does not say which of a person's keys are not taken")
	}
	for _, key := range keys {
		table, _, _ := strings.Cut(key, ".")
		listed := strings.Contains(paragraph, "`"+table+"`")
		e := mustLoad(t, "[origins]\nblock = []\n", setting(t, key)) // both files' entries count
		if refused := len(e.Warnings) > 0; refused != listed {
			t.Errorf("%s is refused: %v; the document says so: %v", key, refused, listed)
		}
	}
}
