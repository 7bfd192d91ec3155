package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/journal"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/internal/visible"
)

// BundleMark is what each bundle begins with, in any language and version.
const BundleMark = "CPx Bridge report 1\n"

// Bundle is what an administrator mails to who helps: one text, which they can read before
// they do. It names nobody: not the person, nor a card's holder, nor the workstation unless
// Host is set, nor a site.
type Bundle struct {
	Report   Report
	At       time.Time
	System   string
	Host     string // "": not named
	Settings []policy.Setting
	State    state.State    // what is known of the cards, and of the agent where one runs
	Agent    bool           // one runs
	Log      []journal.Line // of journal.Name
	Audit    []journal.Line // of journal.AuditName
	LogErr   error          // why they could not be read
}

// How much of the logs a bundle has.
const (
	maxFailures   = 30
	maxAuditLines = 100
	maxLogLines   = 300
)

// Text is the bundle. One line of it at most bears a failure's reference.
func (b Bundle) Text(lang string) string {
	say := texts.In(lang)
	private := Private(b.State)
	hide := newOmitter(private)
	read := newLogReader(private)
	var w strings.Builder
	section := func(title string, lines []string) {
		fmt.Fprintf(&w, "\n== %s ==\n", title)
		for _, line := range lines {
			w.WriteString(line + "\n")
		}
		if len(lines) == 0 {
			w.WriteString(say.Text("doctor.bundle.nothing") + "\n")
		}
	}
	w.WriteString(BundleMark)
	w.WriteString(say.Text("doctor.bundle.about") + "\n\n")
	w.WriteString(b.Report.Hotline(b.At, b.System, private))
	if b.Host != "" {
		w.WriteString(say.Text("doctor.bundle.host", visible.Text(b.Host)) + "\n")
	}
	section(say.Text("doctor.bundle.failures"), b.failures(read))
	section(say.Text("doctor.bundle.settings"), b.settings(hide))
	section(say.Text("doctor.bundle.cards"), b.cards(hide))
	if b.LogErr != nil {
		section(say.Text("doctor.bundle.log_unread"), []string{visible.Text(read.said(b.LogErr.Error()))})
	}
	log := last(slices.DeleteFunc(slices.Clone(b.Log), ofFailure), maxLogLines)
	older := slices.DeleteFunc(slices.Clone(b.Audit), func(l journal.Line) bool {
		return ofFailure(l) || len(log) > 0 && !l.Time.Before(log[0].Time)
	})
	section(say.Text("doctor.bundle.audit"), read.lines(last(older, maxAuditLines)))
	section(say.Text("doctor.bundle.log"), read.lines(log))
	return w.String()
}

func last[T any](all []T, n int) []T { return all[max(0, len(all)-n):] }

func (r *logReader) lines(all []journal.Line) (list []string) {
	for _, l := range all {
		list = append(list, r.line(l))
	}
	return list
}

// ofFailure says that a line bears references: it stands among the failures.
func ofFailure(l journal.Line) bool { return len(referencesOf(l)) > 0 }

func referencesOf(l journal.Line) []string {
	return reference.In(l.Value(reference.Key) + " " + l.Value("references"))
}

// failures are the last logins that failed, the newest first: those of the log, and those of
// which the running agent alone knows, because its log is not kept.
func (b Bundle) failures(r *logReader) (list []string) {
	all := Failures(b.Log, b.Audit)
	for _, f := range b.State.Failures {
		if slices.ContainsFunc(all, func(l journal.Line) bool { return slices.Contains(referencesOf(l), f.Reference) }) {
			continue
		}
		attrs := []journal.Attr{{Key: "code", Value: fmt.Sprint(f.Code)}, {Key: "reason", Value: f.Reason}, {Key: "detail", Value: f.Detail}, {Key: reference.Key, Value: f.Reference}}
		attrs = slices.DeleteFunc(attrs, func(a journal.Attr) bool { return a.Value == "" })
		all = append(all, journal.Line{Time: f.Time, Level: "INFO", Message: "login failed", Attrs: attrs})
	}
	slices.SortStableFunc(all, func(a, b journal.Line) int { return a.Time.Compare(b.Time) })
	list = r.lines(last(all, maxFailures))
	slices.Reverse(list)
	return list
}

// Failures are the lines of both logs that bear a reference, each once, from the oldest on.
func Failures(log, marked []journal.Line) (all []journal.Line) {
	seen := map[string]bool{}
	for _, l := range slices.Concat(marked, log) {
		refs := referencesOf(l)
		if len(refs) == 0 || seen[refs[0]] {
			continue
		}
		for _, ref := range refs {
			seen[ref] = true
		}
		all = append(all, l)
	}
	slices.SortStableFunc(all, func(a, b journal.Line) int { return a.Time.Compare(b.Time) })
	return all
}

// Find are the lines that bear a reference, without names.
func Find(log, marked []journal.Line, ref string, private []string) []string {
	all := slices.DeleteFunc(Failures(log, marked), func(l journal.Line) bool { return !slices.Contains(referencesOf(l), ref) })
	return newLogReader(private).lines(all)
}

// settings are those in force: of origins their number, since where people log in is theirs.
func (b Bundle) settings(o omitter) (list []string) {
	for _, s := range b.Settings {
		value := s.Value
		if strings.HasPrefix(s.Key, "origins.") && s.Key != "origins.mode" {
			value = fmt.Sprint(strings.Count(value, `"`) / 2)
		}
		list = append(list, fmt.Sprintf("%s = %s (%s)", s.Key, visible.Text(o.omit(value)), visible.Text(o.omit(s.From))))
	}
	return list
}

// cards are modules, readers and certificates by what a hotline asks about them.
func (b Bundle) cards(o omitter) (list []string) {
	add := func(kind, name string, facts ...string) {
		facts = slices.DeleteFunc(facts, func(f string) bool { return f == "" })
		list = append(list, strings.TrimSpace(kind+" "+visible.Text(o.omit(name)))+": "+strings.Join(facts, ", "))
	}
	is := func(yes bool, what string) string {
		if yes {
			return what
		}
		return ""
	}
	for _, m := range b.State.Modules {
		add("module", m.Path, cmp.Or(o.omit(m.Info), m.Reason, is(m.Opening, "opening"), "works"))
	}
	add("pcsc", "", cmp.Or(b.State.PCSC, "answers"), fmt.Sprintf("%d readers", max(b.State.ReaderCount, len(b.State.Readers))))
	for _, r := range b.State.Readers {
		add("reader", r.Name, is(r.Card == "" && !r.Unknown && !r.Mute, "empty"), is(r.Card != "", "card"), is(r.Unknown, "unknown card"), is(r.Mute, "mute"), is(r.Hidden, "hidden"),
			is(r.Contactless, "contactless"), is(r.Error != "", "failed"), "pin "+cmp.Or(string(r.PIN), "good"))
	}
	for _, c := range b.State.Certificates {
		add("certificate", "", c.Kind, cmp.Or(c.Reason, "usable"), is(c.Renew, "expires soon"), is(c.Chosen, "chosen"))
	}
	if b.Agent {
		add("agent", "", is(b.State.InUse, "a login runs"), is(b.State.CardSession, "card session"), fmt.Sprintf("%d sites remembered", len(b.State.Sites)),
			fmt.Sprintf("%d domains refused", len(b.State.Never)), is(!b.State.UnknownSitesPaused.IsZero(), "unknown sites paused"))
	} else {
		add("agent", "", "none answers")
	}
	return list
}
