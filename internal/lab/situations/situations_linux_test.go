package situations

import (
	_ "embed"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

var writeTo = flag.String("write", "", "the folder to write each situation to, for a reader")

//go:embed expected.toml
var expectedText []byte

// expected is what must come of a situation.
type expected struct {
	Source string   `toml:"source"` // why this is right
	Doctor []string `toml:"doctor"` // codes of doctor's findings, each with its outcome
	// Advice are keys of the texts whose advice doctor must give, Wrong of those that it
	// must not: they cure nothing here.
	Advice []string `toml:"advice"`
	Wrong  []string `toml:"wrong"`
	Never  []string `toml:"never"` // codes that must not be found
	// Before and AdviceBefore are added until a login was tried, the others after it:
	// some things only a login shows, and some it mends.
	Before       []string `toml:"before"`
	AdviceBefore []string `toml:"advice_before"`
	After        []string `toml:"after"`
	AdviceAfter  []string `toml:"advice_after"`
	NeverAfter   []string `toml:"never_after"`
	// Page is what the page is told: "ok", reason and detail, "ends" where no agent serves.
	// Where the agent asks for a card first, a person who takes that back is told
	// "cancelled", and one who waits Later.
	Page  string `toml:"page"`
	Later string `toml:"later"`
}

// situation is one row.
type situation struct {
	name string
	make func(t *testing.T) *world
}

// TestSituations plays each situation: what doctor finds and advises, before the agent
// starts and while it runs, and what the page is told.
func TestSituations(t *testing.T) {
	want := map[string]expected{}
	if _, err := tomlfile.Decode("expected.toml", expectedText, &want); err != nil {
		t.Fatal(err)
	}
	said := map[string]map[string][]string{language.French: pageTexts(t, language.French), language.English: pageTexts(t, language.English)}
	names := map[string]bool{}
	for _, s := range situations() {
		e, known := want[s.name]
		names[s.name] = true
		t.Run(s.name, func(t *testing.T) {
			if !known || e.Source == "" || e.Page == "" || len(e.Doctor)+len(e.After) == 0 {
				t.Fatalf("%s is not in expected.toml with its source", s.name)
			}
			play(t, s, e, said)
		})
	}
	for name := range want {
		if !names[name] {
			t.Errorf("%s is expected and not played", name)
		}
	}
}

func play(t *testing.T, s situation, e expected, said map[string]map[string][]string) {
	w := s.make(t)
	port := w.write()
	sheet := &strings.Builder{}
	fmt.Fprintf(sheet, "%s\n%s\n", s.name, e.Source)
	languages := []string{language.French, language.English}
	first := e
	first.Doctor, first.Advice = slices.Concat(e.Doctor, e.Before), slices.Concat(e.Advice, e.AdviceBefore)
	for _, lang := range languages {
		first.compare(t, lang+", without an agent", lang, w.findings(lang))
		if testing.Short() && *writeTo == "" {
			break
		}
	}
	if *writeTo != "" {
		for _, lang := range languages {
			for _, command := range []string{"doctor", "certs"} {
				fmt.Fprintf(sheet, "\n-- cpx-agent %s --lang %s\n\n%s", command, lang, w.prints(command, "--lang", lang))
			}
		}
	}
	got := "ends"
	if w.starts() {
		got = w.logIn(port)
	}
	if got != e.Page {
		t.Errorf("the page is told %q, want %q\n%s", got, e.Page, w.log)
	}
	w.checkLog(got)
	if e.Later != "" {
		if *writeTo != "" { // this takes a minute
			w.answers("")
			if later := w.logIn(port); later != e.Later {
				t.Errorf("the page is told %q later, want %q\n%s", later, e.Later, w.log)
			}
		}
		e.pageSays(t, sheet, said, e.Later)
	} else {
		e.pageSays(t, sheet, said, got)
	}
	if e.Doctor = append(e.Doctor, e.After...); len(e.After) > 0 {
		e.Advice, e.Never = append(e.Advice, e.AdviceAfter...), append(e.Never, e.NeverAfter...)
		for _, lang := range languages {
			fmt.Fprintf(sheet, "\n-- cpx-agent doctor --lang %s, after a login\n\n%s", lang, w.prints("doctor", "--lang", lang))
		}
	}
	if got != "ends" {
		e.compare(t, "with an agent", language.English, w.findings(language.English))
	}
	fmt.Fprintf(sheet, "\n-- the log\n\n%s", w.log)
	w.writeSheet(sheet, s.name)
}

// checkLog: the log says why a login failed in the words that the page was told.
func (w *world) checkLog(whole string) {
	w.t.Helper()
	if whole == "ok" || whole == "ends" {
		return
	}
	reason, detail, has := strings.Cut(whole, ".")
	want := " reason=" + reason + " error="
	if has {
		want = " reason=" + reason + " detail=" + detail + " error="
	}
	_, line, _ := strings.Cut(w.log.await(w.t, "login failed"), "login failed")
	if line, _, _ = strings.Cut(line, "\n"); !strings.Contains(line, want) {
		w.t.Errorf("the page is told %s, and the log says %s", whole, line)
	}
}

// pageSays writes the page's sentence for a reason.
func (e expected) pageSays(t *testing.T, sheet *strings.Builder, said map[string]map[string][]string, reason string) {
	t.Helper()
	if reason == "ok" || reason == "ends" {
		fmt.Fprintf(sheet, "\n-- the page: %s\n", reason)
		return
	}
	for _, lang := range []string{language.French, language.English} {
		texts := said[lang][reason]
		if len(texts) < 2 {
			t.Errorf("the page has no sentence in %s for %s", lang, reason)
		}
		fmt.Fprintf(sheet, "\n-- the page, %s: %s\n\n%s\n", lang, reason, strings.Join(texts, "\n"))
	}
}

// refusals are words of lines that say that something is refused or of no use: no such
// line has the mark of what is good.
var refusals = regexp.MustCompile(`refus|inutilisable|échou|bloqu|verrouill|expir|pas lisible|n’aboutit|of no use|cannot|fail|locked|does not`)

// compare compares doctor's findings with what is expected.
func (e expected) compare(t *testing.T, when, lang string, found []doctor.Finding) {
	t.Helper()
	var codes, advice []string
	for _, f := range found {
		codes = append(codes, f.Code+" "+string(f.Outcome))
		advice = append(advice, f.Next)
		if f.Outcome == doctor.Good && refusals.MatchString(strings.ReplaceAll(f.Text, f.Subject, "")) {
			t.Errorf("%s: a good mark before a refusal: %s", when, f.Text)
		}
		if slices.Contains(e.Never, f.Code) {
			t.Errorf("%s: doctor finds %+v", when, f)
		}
	}
	for _, code := range e.Doctor {
		if !slices.Contains(codes, code) {
			t.Errorf("%s: doctor does not find %s: %q", when, code, codes)
		}
	}
	advised := func(key string) bool {
		begin, _, _ := strings.Cut(texts.In(lang).Text(texts.Key(key)), "%")
		if begin == key || len(begin) < 10 {
			t.Fatalf("%s is no text that can be recognised", key)
		}
		return slices.ContainsFunc(advice, func(next string) bool { return strings.HasPrefix(next, begin) })
	}
	for _, key := range e.Advice {
		if !advised(key) {
			t.Errorf("%s: doctor does not advise %s: %q", when, key, advice)
		}
	}
	for _, key := range e.Wrong {
		if advised(key) {
			t.Errorf("%s: doctor advises %s, which cures nothing here", when, key)
		}
	}
}

// writeSheet writes the sheet for a reader.
func (w *world) writeSheet(sheet *strings.Builder, name string) {
	w.t.Helper()
	if *writeTo == "" {
		return
	}
	must(w.t, os.MkdirAll(*writeTo, 0o750))
	must(w.t, os.WriteFile(filepath.Join(*writeTo, name+".txt"), []byte(sheet.String()), 0o600))
}
