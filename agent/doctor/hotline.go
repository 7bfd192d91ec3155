package doctor

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cpx-bridge/cpx-bridge/internal/lazyregexp"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

var marks = map[Outcome]string{Good: "✓", Notice: "!", Problem: "✗", Unknown: "?"}

// Worst is the report with what is wrong first, for a person who looks for that.
func (r Report) Worst() Report {
	r.Findings = slices.Clone(r.Findings)
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(rank[b.Outcome], rank[a.Outcome]) })
	return r
}

// Text is the report as lines for people: each finding, and below it what to do.
func (r Report) Text() string {
	var b strings.Builder
	for _, f := range r.Findings {
		b.WriteString(f.line(f.Text))
	}
	return b.String()
}

func (f Finding) line(text string) string {
	line := fmt.Sprintf("%s %s\n", marks[f.Outcome], visible.Text(text))
	if f.Next != "" {
		line += fmt.Sprintf("    → %s\n", visible.Text(f.Next))
	}
	return line
}

// Hotline is the report for someone who helps from afar: versions, modules, reasons and
// codes, the worst first, and nothing of who sits here or where they log in. private are
// the names, numbers and sites that are known on this workstation; what looks like one is
// left out too, whoever's it is, because a module or another program may have said it.
func (r Report) Hotline(now time.Time, system string, private []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, " · %s · %s · %s\n", system, now.Format("2006-01-02 15:04 -0700"), r.Outcome)
	for _, f := range r.Worst().Findings {
		b.WriteString(f.line("[" + f.Check + "/" + f.Code + "] " + f.Text))
	}
	return "CPx Bridge " + r.Agent + withoutPrivate(b.String(), private) // a version may have a commit in it
}

// shortestPrivate is the least length of what is left out wherever it stands: initials and
// articles would take letters out of every sentence.
const shortestPrivate = 3

// Nameless is a text of this program's with what Hotline leaves out left out.
func Nameless(text string, private []string) string { return withoutPrivate(text, private) }

func withoutPrivate(text string, private []string) string { return newOmitter(private).omit(text) }

// omitter leaves out of many texts what is private in one world.
type omitter struct{ names []*regexp.Regexp }

func newOmitter(private []string) omitter {
	private = slices.Clone(private)
	slices.SortFunc(private, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) }) // the whole before its parts
	var o omitter
	for _, p := range slices.Compact(private) {
		if p = strings.TrimSpace(p); utf8.RuneCountInString(p) >= shortestPrivate {
			o.names = append(o.names, nameForm(p))
		}
	}
	return o
}

func (o omitter) omit(text string) string {
	text = withoutForms(unescaped(text))
	for _, name := range o.names {
		text = withoutName(text, name)
	}
	return withoutNumbers(text)
}

// percents are the bytes of characters that an address writes by their numbers.
var percents = lazyregexp.New(`(%[0-9A-Fa-f]{2})+`)

// unescaped is a text with the characters that a path has within an address: a name hides
// behind %C3%89, and a folder's space behind %20.
func unescaped(text string) string {
	return percents.ReplaceAllStringFunc(text, func(s string) string {
		plain, err := url.PathUnescape(s)
		if err != nil || !utf8.ValidString(plain) || strings.ContainsFunc(plain, unicode.IsControl) {
			return s
		}
		return plain
	})
}

// withoutName leaves out each occurrence of a name that is no part of a longer word.
func withoutName(text string, name *regexp.Regexp) string {
	var b strings.Builder
	at := 0
	for _, m := range name.FindAllStringIndex(text, -1) {
		before, _ := utf8.DecodeLastRuneInString(text[:m[0]])
		after, _ := utf8.DecodeRuneInString(text[m[1]:])
		first, _ := utf8.DecodeRuneInString(text[m[0]:])
		last, _ := utf8.DecodeLastRuneInString(text[:m[1]])
		if inWord(before) && inWord(first) || inWord(after) && (inWord(last) || unicode.IsMark(last)) {
			continue
		}
		b.WriteString(text[at:m[0]])
		b.WriteString(omitted)
		at = m[1]
	}
	return b.String() + text[at:]
}

func inWord(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}
