package js

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func names(pattern, text string) []string {
	var list []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// between is the text between the two marks in a document.
func between(t *testing.T, text, mark string) string {
	t.Helper()
	_, rest, begun := strings.Cut(text, "<!-- "+mark+" -->")
	part, _, ended := strings.Cut(rest, "<!-- /"+mark+" -->")
	if !begun || !ended {
		t.Fatalf("no part %q", mark)
	}
	return part
}

// Code within the text, and code in blocks of its own.
var (
	code   = "`([^`\n]+)`"
	fenced = regexp.MustCompile("(?sm)^```.*?^```$")
)

// Every exported symbol has a heading, and every heading names one; every member
// of a type is in the document.
func TestAPIDocument(t *testing.T) {
	document := read(t, "API.md")
	types := read(t, "src/cpx-bridge.d.mts") + read(t, "src/button.d.mts") + read(t, "src/selftest.d.mts")
	declared := names(`(?m)^export (?:declare )?(?:function|class|interface|type) (\w+)`, types)
	documented := names("(?m)^### `(\\w+)`$", document)
	if !slices.Equal(declared, documented) {
		t.Errorf("declared %v\ndocumented %v", declared, documented)
	}
	written := names(code, fenced.ReplaceAllString(document, ""))
	for _, member := range names(`(?m)^  (?:readonly )?(\w+)\??(?:: |\().*;$`, types) {
		if member != "constructor" && !slices.ContainsFunc(written, func(w string) bool { return w == member || strings.HasPrefix(w, member+"(") }) {
			t.Errorf("member %s is not documented", member)
		}
	}
	for _, value := range slices.Concat(names(`(?m)^  \| "([\w-]+)"`, types), names(`"(cpx-\w+)":`, types)) {
		if !slices.Contains(written, value) && !slices.Contains(written, "<"+value+">") {
			t.Errorf("%s is not documented", value)
		}
	}
}

// The built files export what is declared.
func TestExports(t *testing.T) {
	open(t, newEvents(), "", nil)
	got := inPage(t, `await new Promise((done) => document.head.append(Object.assign(document.createElement("script"), { src: "/static/cpx-bridge.js", onload: done })));
		return [Object.keys(cpx).sort(), Object.keys(CPxBridge).sort(), Object.keys(await import("/static/button.mjs")), Object.keys(await import("/static/selftest.mjs"))]`)
	var have [4][]string
	if err := json.Unmarshal(got.Value, &have); err != nil {
		t.Fatal(err, got.reason())
	}
	want := names(`(?m)^export declare (?:function|class) (\w+)`, read(t, "src/cpx-bridge.d.mts"))
	if !slices.Equal(have[0], want) || !slices.Equal(have[1], want) || !slices.Equal(have[2], []string{"CpxLogin"}) || !slices.Equal(have[3], []string{"CpxSelfTest"}) {
		t.Errorf("exported %v, declared %v", have, want)
	}
}

// The plain script too loads its languages from its own folder.
func TestPlainScript(t *testing.T) {
	open(t, newEvents(), "", nil)
	got := inPage(t, `await new Promise((done) => document.head.append(Object.assign(document.createElement("script"), { src: "/static/cpx-bridge.js", onload: done })));
		return (await CPxBridge.sentence(new CPxBridge.CpxError("no_card"), "en")).title`)
	if string(got.Value) != `"No card was found in the reader."` {
		t.Errorf("%s %s", got.Value, got.reason())
	}
}

// row is a row of a table of reasons.
var row = regexp.MustCompile("(?m)^\\| `(\\w+)` \\|\\s*(-?\\w*)\\s*\\| ")

// The table of reasons has the declared ones, with the agent's numbers, and both
// languages have texts for each.
func TestReasons(t *testing.T) {
	_, rest, _ := strings.Cut(read(t, "src/cpx-bridge.d.mts"), "export type Reason")
	union, _, _ := strings.Cut(rest, ";")
	declared := names(`"(\w+)"`, union)
	codes := agentCodes(t)
	table := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(between(t, read(t, "API.md"), "reasons"), -1) {
		table[m[1]] = m[2]
	}
	if got := slices.Sorted(maps.Keys(table)); !slices.Equal(got, declared) {
		t.Errorf("table %v\ndeclared %v", got, declared)
	}
	for reason, number := range codes {
		if table[reason] != strconv.Itoa(number) {
			t.Errorf("%s: the agent's number is %d, the table has %q", reason, number, table[reason])
		}
	}
	for _, lang := range []string{"fr", "en"} {
		keys := names(`(?m)^  "?(\w+)(?:\.\w+)?"?: \[`, read(t, "src/lang-"+lang+".ts"))
		want := append(slices.Clone(declared), "unknown")
		slices.Sort(want)
		if !slices.Equal(keys, want) {
			t.Errorf("%s has texts for %v, want %v", lang, keys, want)
		}
	}
	if between(t, read(t, "../docs/portal-developers.md"), "reasons") != between(t, read(t, "API.md"), "reasons") {
		t.Error("docs/portal-developers.md has another table of reasons than API.md")
	}
	// And the list that TestSentences goes through is complete.
	for _, r := range declared {
		if !slices.Contains(reasons, r) {
			t.Errorf("%s is not among the tested sentences", r)
		}
	}
}

// Both languages have the same sentences, those that are tested and one for an
// unknown reason, and texts for every declared state.
func TestTwins(t *testing.T) {
	types := read(t, "src/cpx-bridge.d.mts")
	_, rest, _ := strings.Cut(types, "export type Progress")
	union, _, _ := strings.Cut(rest, ";")
	states := append(names(`"([\w-]+)"`, union), "done")
	slices.Sort(states)
	tested := append(strings.Split(strings.ReplaceAll(strings.Join(reasons, " "), "/", "."), " "), "unknown")
	slices.Sort(tested)
	for _, lang := range []string{"fr", "en"} {
		texts, progress, found := strings.Cut(read(t, "src/lang-"+lang+".ts"), "export const progress")
		progress, _, ended := strings.Cut(progress, "};")
		if !found || !ended {
			t.Fatalf("this test cannot parse lang-%s.ts", lang)
		}
		if keys := names(`(?m)^  "?([\w.]+)"?: \[`, texts); !slices.Equal(keys, tested) {
			t.Errorf("%s: not tested %v, without text %v", lang, without(keys, tested), without(tested, keys))
		}
		if keys := names(`(?m)^  "?([\w-]+)"?: "`, progress); !slices.Equal(keys, states) {
			t.Errorf("%s: progress %v, declared %v", lang, keys, states)
		}
	}
	// The self-test has the same texts in both languages, with the same values in them.
	french, english := names(`(?m)^  ("?[\w.]+"?: ")`, read(t, "src/selftest-fr.ts")), names(`(?m)^  ("?[\w.]+"?: ")`, read(t, "src/selftest-en.ts"))
	if !slices.Equal(french, english) || len(french) < 50 {
		t.Errorf("the self-test's texts: only French %v, only English %v", without(french, english), without(english, french))
	}
	// Each of the verifier's reasons has a sentence of its own.
	for _, reason := range names(`(?m)^\sReason\w+\s+Reason = "(\w+)"`, read(t, "../authtoken/errors.go")) {
		if !slices.Contains(reasons, "login_refused/"+reason) {
			t.Errorf("the verifier's reason %s has no sentence", reason)
		}
	}
}

func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(others, s) })
}

// The document lists the element's attributes, parts and properties, with their
// defaults.
func TestElementDocument(t *testing.T) {
	_, document, _ := strings.Cut(read(t, "API.md"), "## The element")
	document, _, _ = strings.Cut(document, "### `LoginState`")
	source, sheet := read(t, "src/button.ts")+read(t, "src/make.ts"), read(t, "src/style.ts")
	written := names(code, document)
	parts := slices.Concat(names(`make\("\w+", "([\w-]+)"`, source), names(`part: "([\w-]+)"`, source))
	defaults := map[string]string{}
	for _, m := range regexp.MustCompile(`var\((--cpx-[\w-]+),([^)]*)\)`).FindAllStringSubmatch(sheet, -1) {
		if old, known := defaults[m[1]]; known && old != m[2] {
			t.Errorf("%s has two defaults, %s and %s", m[1], old, m[2])
		}
		defaults[m[1]] = m[2]
	}
	attributes := slices.Concat(names(`get\("([\w-]+)"\)`, source), []string{"state"})
	for _, name := range names(`ports\(this, "(\w+)"\)`, source) {
		attributes = append(attributes, name+"-first", name+"-count")
	}
	if len(parts) < 10 || len(defaults) < 10 || len(attributes) < 8 {
		t.Fatalf("this test cannot parse the sources: %v %v %v", parts, defaults, attributes)
	}
	for _, name := range slices.Concat(parts, attributes, slices.Collect(maps.Keys(defaults)), slices.Collect(maps.Values(defaults))) {
		if !slices.Contains(written, name) {
			t.Errorf("%s is not documented", name)
		}
	}
	for _, name := range names("`(--cpx-[\\w-]+)`", document) {
		if _, known := defaults[name]; !known {
			t.Errorf("%s is documented and does not exist", name)
		}
	}
}

// agentCodes is the agent's own table.
func agentCodes(t *testing.T) map[string]int {
	t.Helper()
	codes := map[string]int{}
	for code, reason := range protocol.Reasons() {
		codes[reason] = code
	}
	if codes["busy"] != 1004 || codes["internal"] != -32603 {
		t.Fatalf("this test cannot parse the agent's table: %v", codes)
	}
	return codes
}

// French has the typography of print: no straight apostrophe, and a no-break space
// before the signs that need one.
func TestTypography(t *testing.T) {
	for _, m := range regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(read(t, "src/lang-fr.ts")+read(t, "src/selftest-fr.ts"), -1) {
		for what, wrong := range map[string]string{"apostrophe": `\w'\w`, "space": `« | »| [;:!?](?: |$)|\} s\b`, "no space": `\w([;!?]|:)(?: |$)`} {
			if found := regexp.MustCompile(wrong).FindString(m[1]); found != "" {
				t.Errorf("%s %q in %q", what, found, m[1])
			}
		}
	}
}
