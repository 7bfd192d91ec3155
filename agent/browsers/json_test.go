package browsers

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/tailscale/hujson"
)

// edited is a file's text after values were added or removed.
func edited(t *testing.T, text string, path, remove, add []string, made int) string {
	t.Helper()
	d, err := parseDocument([]byte(text), false)
	if err != nil {
		t.Fatal(err)
	}
	if len(add) > 0 {
		if _, _, err := d.strings(path); err != nil {
			t.Fatal(err)
		}
		if _, err := d.add(path, add); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.remove(path, remove, made); err != nil {
		t.Fatal(err)
	}
	return d.root.String()
}

func TestEdit(t *testing.T) {
	skip := firefoxList
	for name, c := range map[string]struct {
		before, after string
		path          []string
		remove, add   []string
		made          int
	}{
		"one more in a line": {
			`{"policies":{"LocalNetworkAccess":{"SkipDomains":["a.fr", "b.fr"]}}}`,
			`{"policies":{"LocalNetworkAccess":{"SkipDomains":["a.fr", "b.fr", "c.fr"]}}}`, skip, nil, []string{"c.fr"}, 0,
		},
		"one more, one a line, tabs": {
			"{\n\t\"policies\": {\n\t\t\"LocalNetworkAccess\": {\n\t\t\t\"SkipDomains\": [\n\t\t\t\t\"a.fr\"\n\t\t\t]\n\t\t}\n\t}\n}\n",
			"{\n\t\"policies\": {\n\t\t\"LocalNetworkAccess\": {\n\t\t\t\"SkipDomains\": [\n\t\t\t\t\"a.fr\",\n\t\t\t\t\"c.fr\"\n\t\t\t]\n\t\t}\n\t}\n}\n",
			skip, nil, []string{"c.fr"}, 0,
		},
		"others' keys keep order and form": {
			"{\n  \"policies\": {\n    \"Z\":   1e2,\n    \"A\": {\"é\": \"\\u00e9\"}\n  }\n}",
			"{\n  \"policies\": {\n    \"Z\":   1e2,\n    \"A\": {\"é\": \"\\u00e9\"},\n    \"LocalNetworkAccess\": {\n      \"SkipDomains\": [\n        \"c.fr\"\n      ]\n    }\n  }\n}",
			skip, nil, []string{"c.fr"}, 0,
		},
		"an empty object": {
			`{}`, "{\"LoopbackNetworkAllowedForUrls\": [\n  \"x\"\n]}", []string{loopbackPolicy}, nil, []string{"x"}, 0,
		},
		"comments stay": {
			"{\n  // theirs\n  \"LoopbackNetworkAllowedForUrls\": [\n    // first\n    \"x\", // why\n  ],\n}\n",
			"{\n  // theirs\n  \"LoopbackNetworkAllowedForUrls\": [\n    // first\n    \"x\",\n    \"y\" // why\n  ],\n}\n",
			[]string{loopbackPolicy}, nil, []string{"y"}, 0,
		},
		"the first goes": {
			`{"LoopbackNetworkAllowedForUrls": ["x", "y"]}`, `{"LoopbackNetworkAllowedForUrls": ["y"]}`, []string{loopbackPolicy}, []string{"x"}, nil, 0,
		},
		"the only one goes, the list stays": {
			`{"LoopbackNetworkAllowedForUrls": ["x"]}`, `{"LoopbackNetworkAllowedForUrls": []}`, []string{loopbackPolicy}, []string{"x"}, nil, 0,
		},
		"what we made goes": {
			`{"policies": {"A": 1, "LocalNetworkAccess": {"SkipDomains": ["x"]}}}`, `{"policies": {"A": 1}}`, skip, []string{"x"}, nil, 2,
		},
		"what we made stays where another put something": {
			`{"policies": {"LocalNetworkAccess": {"Enabled": true, "SkipDomains": ["x"]}}}`, `{"policies": {"LocalNetworkAccess": {"Enabled": true}}}`, skip, []string{"x"}, nil, 3,
		},
		"what is gone already": {`{"a": [1]}`, `{"a": [1]}`, []string{loopbackPolicy}, []string{"x"}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := edited(t, c.before, c.path, c.remove, c.add, c.made); got != c.after {
				t.Errorf("got\n%s\nwant\n%s", got, c.after)
			}
		})
	}
}

func TestMalformedDocument(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		path []string
		says string
	}{
		"nothing":          {"", firefoxList, "unexpected EOF"},
		"cut off":          {`{"policies": {`, firefoxList, "line 1"},
		"an array":         {`[]`, firefoxList, "no object"},
		"a comment":        {"{} // x\n", firefoxList, "comments"},
		"a comma too many": {`{"policies": {},}`, firefoxList, "comments"},
		"byte order mark":  {"\ufeff{}", firefoxList, "line 1"},
		"policies a text":  {`{"policies": "x"}`, firefoxList, `"policies" is not an object`},
		"list a text":      {`{"policies": {"LocalNetworkAccess": {"SkipDomains": "x"}}}`, firefoxList, "not a list"},
		"list of numbers":  {`{"policies": {"LocalNetworkAccess": {"SkipDomains": [1]}}}`, firefoxList, "more than texts"},
		"twice":            {`{"policies": {}, "policies": {}}`, firefoxList, "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := parseDocument([]byte(c.text), true)
			if err == nil {
				if _, _, err = d.strings(c.path); err == nil {
					_, err = d.add(c.path, []string{"x"})
				}
			}
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

// FuzzEdit: what is added is in the list and changes nothing else, and removing it
// restores the same values.
func FuzzEdit(f *testing.F) {
	f.Add(`{"policies": {"A": [1, 2], "LocalNetworkAccess": {"SkipDomains": ["a"]}}}`)
	f.Add("{\n// c\n\"policies\": {},}")
	f.Add(`{"LocalNetworkAccess": null}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDocument([]byte(text), false)
		if err != nil {
			return
		}
		before, exists, err := d.strings(firefoxList)
		if err != nil {
			return
		}
		original := value(t, text)
		made, err := d.add(firefoxList, []string{"x.test", "y.test"})
		if err != nil {
			return
		}
		now, _, err := d.strings(firefoxList)
		if err != nil || !reflect.DeepEqual(now, append(before, "x.test", "y.test")) {
			t.Fatalf("%v %v in %s", now, err, d.root)
		}
		value(t, d.root.String())
		if err := d.remove(firefoxList, []string{"y.test", "x.test"}, made); err != nil {
			t.Fatal(err)
		}
		if exists != (made == 0) || (!contains(before, "x.test", "y.test") && !reflect.DeepEqual(original, value(t, d.root.String()))) {
			t.Errorf("%s became %s", text, d.root)
		}
	})
}

func contains(list []string, values ...string) bool {
	for _, l := range list {
		for _, v := range values {
			if l == v {
				return true
			}
		}
	}
	return false
}

func value(t *testing.T, text string) (v any) {
	t.Helper()
	standard, err := hujson.Standardize([]byte(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if err := json.Unmarshal(standard, &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}
