package texts

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTypeset: the whole catalogue follows the rules of typography.
func TestTypeset(t *testing.T) {
	texts := all(t)
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		for _, fault := range faults(key, texts[key]) {
			t.Errorf("%s: %s", key, fault)
		}
	}
}

// written is the form of a key.
var written = regexp.MustCompile(`^[a-z]+(\.[a-z0-9_]+)+$`)

// verbs of package fmt that take one value each, in their order.
var verbs = regexp.MustCompile(`%[a-z]`)

// unbroken are the sections whose French has the no-break spaces of print, because
// their texts are shown in windows and pages. The others' are shown in menus,
// lists and terminals.
var unbroken = []string{"dialog", "portal"}

// wrongFrench matches faults of French typography.
var wrongFrench = map[string]*regexp.Regexp{
	"a straight apostrophe":  regexp.MustCompile(`'`),
	"no space":               regexp.MustCompile(`\w[;:!?](?: |$)`),
	"a space that may break": regexp.MustCompile(`« | »| [;:!?](?: |$)|\d h\b| h \d`),
}

// faults lists what is wrong with how a text is written.
func faults(key Key, text text) (list []string) {
	section, _, _ := strings.Cut(string(key), ".")
	if !written.MatchString(string(key)) {
		list = append(list, "a key is written like section.what_it_says")
	}
	want := verbs.FindAllString(text[french].other, -1)
	for _, form := range []string{text[french].one, text[french].other, text[english].one, text[english].other} {
		if form == "" {
			continue
		}
		if strings.TrimSpace(form) == "" {
			list = append(list, "nothing is said")
		}
		if got := verbs.FindAllString(form, -1); !slices.Equal(got, want) || strings.Count(form, "%") != len(got) {
			list = append(list, fmt.Sprintf("%q takes %v, not %v", form, got, want))
		}
		if text[french].one != "" && !strings.Contains(form, "%d") {
			list = append(list, fmt.Sprintf("%q does not say how many", form))
		}
		// GTK takes it for the mark of a shortcut.
		if section == "dialog" && strings.Contains(form, "_") {
			list = append(list, fmt.Sprintf("an underscore in %q", form))
		}
	}
	for _, form := range []string{text[french].one, text[french].other} {
		for what, wrong := range wrongFrench {
			if what == "a space that may break" && !slices.Contains(unbroken, section) {
				continue
			}
			if found := wrong.FindString(form); found != "" {
				list = append(list, fmt.Sprintf("%s, %q, in %q", what, found, form))
			}
		}
	}
	return list
}

// TestFaults: each fault is found, and a faultless text has none.
func TestFaults(t *testing.T) {
	simple := func(fr, en string) text { return text{{other: fr}, {other: en}} }
	for name, c := range map[string]struct {
		key  Key
		text text
		want string
	}{
		"good":                  {"tray.hello", simple("l’accord de %s : %d", "the consent of %s: %d"), ""},
		"good, unbroken":        {"dialog.hello", simple("«\u00a0oui\u00a0»\u00a0?", "yes?"), ""},
		"good, of numbers":      {"tray.more", text{{"%d carte", "%d cartes"}, {"%d card", "%d cards"}}, ""},
		"good, an address":      {"tray.address", simple("par exemple https://portail.example.fr", "such as https://portail.example.fr"), ""},
		"key":                   {"tray.Hello", simple("oui", "yes"), "key"},
		"blank":                 {"tray.hello", simple("oui", " "), "nothing"},
		"values":                {"tray.hello", simple("%s", "%d"), "takes"},
		"order of values":       {"tray.hello", simple("%s %d", "%d %s"), "takes"},
		"values of a form":      {"tray.more", text{{"%d carte", "%d cartes"}, {"one card", "%d cards"}}, "takes"},
		"a sign that is a verb": {"tray.hello", simple("100 % sûr", "100 % sure"), "takes"},
		"how many":              {"tray.more", text{{"une carte", "des cartes"}, {"one card", "cards"}}, "how many"},
		"apostrophe":            {"tray.hello", simple("l'an", "the year"), "apostrophe"},
		"space":                 {"tray.hello", simple("oui?", "yes?"), "no space"},
		"breaking space":        {"portal.hello", simple("oui ?", "yes?"), "may break"},
		"breaking hour":         {"portal.hello", simple("à 8 h", "at 8"), "may break"},
		"shortcut":              {"dialog.hello", simple("a_b", "a_b"), "underscore"},
	} {
		found := strings.Join(faults(c.key, c.text), "; ")
		if (found == "") != (c.want == "") || !strings.Contains(found, c.want) {
			t.Errorf("%s: %q, want %q", name, found, c.want)
		}
	}
}

// twice are the texts that occur twice, each for a reason.
var twice = map[Key]string{
	"portal.confirm.cancel": "the portal's button and the agent's: two programs, each with its own texts",
}

// TestOnce: a text shown in two places is in the catalogue once.
func TestOnce(t *testing.T) {
	for _, fault := range repeated(all(t), twice) {
		t.Error(fault)
	}
}

// repeated lists texts that are the same in each language, spaces and a full stop
// aside, and reasons for nothing repeated. A text in no language, such as the
// options of a command, may be repeated.
func repeated(texts section, reasons map[Key]string) (faults []string) {
	plain := strings.NewReplacer("\u00a0", " ", "\u202f", " ")
	first, needed := map[[2]string]Key{}, map[Key]bool{}
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		var said [2]string
		for i := range said {
			said[i] = strings.TrimSuffix(plain.Replace(texts[key][i].other), ".")
		}
		if said[french] == said[english] {
			continue
		}
		other, found := first[said]
		switch {
		case found && reasons[key] == "":
			faults = append(faults, fmt.Sprintf("%s says what %s says", key, other))
		case found:
			needed[key] = true
		default:
			first[said] = key
		}
	}
	for key := range reasons {
		if !needed[key] {
			faults = append(faults, fmt.Sprintf("%s stands once: take its reason out", key))
		}
	}
	return faults
}

func TestRepeated(t *testing.T) {
	texts := section{
		"a.yes": {{other: "oui"}, {other: "yes"}}, "a.no": {{other: "non"}, {other: "no"}}, "b.no": {{other: "non."}, {other: "no."}},
		"b.surely": {{other: "oui"}, {other: "surely"}}, "c.no": {{other: "non"}, {other: "no"}},
		"d.options": {{other: "[--json]"}, {other: "[--json]"}}, "e.options": {{other: "[--json]"}, {other: "[--json]"}},
	}
	got := repeated(texts, map[Key]string{"b.no": "a reason", "a.yes": "a reason"})
	if want := []string{"c.no says what a.no says", "a.yes stands once: take its reason out"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
