package events

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/journal"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/tomlfile"
)

// document is a part of docs/administrators.md between two marks.
func document(t *testing.T, mark string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/administrators.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, begins := strings.Cut(string(text), "<!-- "+mark+" -->")
	part, _, ends := strings.Cut(part, "<!-- /"+mark+" -->")
	if !begins || !ends {
		t.Fatalf("docs/administrators.md has no %s", mark)
	}
	return part
}

// TestTable: the administrators' table is that of the kinds, each of which has numbers and
// names of its own.
func TestTable(t *testing.T) {
	var rows, want []string
	row := regexp.MustCompile("(?m)^\\| (\\d+) \\| `(\\w+)` \\| `([0-9a-f]{32})` \\| \\S.*\\|$")
	for _, r := range row.FindAllStringSubmatch(document(t, "security events"), -1) {
		rows = append(rows, strings.Join(r[1:], " "))
	}
	seen := map[string]bool{}
	for i, k := range Kinds {
		want = append(want, fmt.Sprint(k.Number, " ", k.Name, " ", k.MessageID))
		for _, own := range []string{fmt.Sprint(k.Number), k.Name, k.MessageID} {
			if seen[own] {
				t.Errorf("%s is given twice", own)
			}
			seen[own] = true
		}
		if i > 0 && k.Number <= Kinds[i-1].Number || k.Number > 1000 {
			t.Errorf("%s has the number %d: they ascend, and Windows's own file of messages ends at 1000", k.Name, k.Number)
		}
	}
	if !slices.Equal(rows, want) {
		t.Errorf("the table of docs/administrators.md has\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
}

// noEvents are the marked lines that are no security events, with why.
var noEvents = map[string]string{
	"setting changed": "whoever may change a setting did", "modules of the new settings": "they count", "the agent stays on its port: no other is free": "nothing is less safe",
	"settings are not watched, but read again after a while":                                        "they are read all the same",
	"something of the machine's policy is gone: it stays in force until that is seen a second time": "it is in force; where it goes for good, that is an event",
	"module opened": "it works", "module does not open": "it hangs: no matter of trust", "the module's process ended": "it crashed: no matter of trust",
	"cards locked":    "they are safe",
	"site remembered": "the person's own choice", "site forgotten": "the person's own choice", "the site is not remembered": "the person's own choice",
	"domain refused from now on": "the person's own choice", "a site is forgotten until the agent ends only": "the person's own choice",
	"login signed":             "a login: where a person logs in is theirs",
	"the desktop session ends": "no matter of who was let in", "quit by the command line": "no matter of who was let in", "the person quit": "no matter of who was let in",
	"the agent ends": "no matter of who was let in", "the agent does not start": "what refuses settings says so itself: see SettingsRefused",
	"no dialog can be shown here any more: ending for an agent on a desktop":              "no matter of who was let in",
	"the program's file is another than the one that runs":                                "an upgrade, and nothing of it runs",
	"the program that is installed follows this one":                                      "the person's own choice",
	"the program that is installed does not follow this one":                              "the one of before serves on",
	"a supervisor may start another agent":                                                "no matter of who was let in",
	"quit does not reach this supervisor between a crash of the agent and the next start": "no matter of who was let in",
}

// TestMarkedLines: each line of the log that tells who was let in or refused (TestMarks of
// internal/lab/house holds the document's list of them) is an event, or it is said why not.
func TestMarkedLines(t *testing.T) {
	said := map[string]string{} // message: mark
	for _, r := range regexp.MustCompile("(?m)^\\| (`.*`) \\| `(\\w+)` \\|").FindAllStringSubmatch(document(t, "marked lines"), -1) {
		for _, message := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(r[1], -1) {
			said[message[1]] = r[2]
		}
	}
	if len(said) < 30 {
		t.Fatalf("only %d lines were found", len(said))
	}
	is := map[string]bool{}
	for _, k := range Kinds {
		for _, l := range k.Lines {
			is[l.Message] = true
			if said[l.Message] != l.Mark.Value.String() {
				t.Errorf("%s: no line says %q with the mark %s", k.Name, l.Message, l.Mark.Value)
			}
		}
	}
	for message := range said {
		if why := noEvents[message]; is[message] == (why != "") {
			t.Errorf("%q is an event: %v; it is none, because %q", message, is[message], why)
		}
	}
	for message := range noEvents {
		if said[message] == "" {
			t.Errorf("no line says %q", message)
		}
	}
}

// watched is a sender whose events a test reads.
func watched(t *testing.T) (*Sender, *slog.Logger, func() []Event) {
	t.Helper()
	s := New(Options{Lang: "en", Version: "1.2.3"})
	got := make(chan Event, 10*queued)
	s.send = func(e Event) error { got <- e; return nil }
	l := journal.NewLog(t.TempDir(), t.Output(), func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) }, s.Handler())
	return s, l.Logger(), func() (all []Event) {
		t.Helper()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		s.Close()
		for len(got) > 0 {
			all = append(all, <-got)
		}
		return all
	}
}

// TestHarmless: whatever stands in a line, of its values only those are sent that can say
// nothing of anybody.
func TestHarmless(t *testing.T) {
	said := []any{"Élodie MARTIN", "martin", "https://portail.example.fr", "899700070016", "/home/martin/x.so", "S-1-5-21-1-2-3-1001", "emartin@cabinet.example.fr", "Ma Clé", "K7M4PX Martin",
		1001, 899700070016, []string{"/home/martin", "origins.allow", "Martin"}, errors.New("martin: denied"), tomlfile.New("/home/martin/c.toml", 3, "martin", tomlfile.Say("settings.missing")), "a\nCPX_EVENT=martin", ""}
	keys := []string{"key", "setting", "gone", "line", "seconds", "code", "more", "first", "last", "reference", "references", "uid", "account", "process", "origin", "host", "path", "error", "why", "file",
		"module", "program", "certificate", "user", "holder", "MESSAGE", "event", "version", "name"}
	for _, k := range Kinds {
		for _, l := range k.Lines {
			for _, value := range said {
				r := slog.NewRecord(time.Now(), k.Level, l.Message, 0)
				for _, key := range keys {
					r.Add(key, value)
				}
				if l.Key != "" {
					r.Add(l.Key, l.Value)
				}
				r.AddAttrs(l.Mark)
				e, is := of(r)
				if !is || e.Kind.Name != k.Name {
					t.Fatalf("%q is %v, want %s", l.Message, e, k.Name)
				}
				for _, f := range e.Facts {
					if ok := f.Value == "1001" && f.Name != "setting" || f == (Fact{"setting", "origins.allow"}) || f.Name == "reference" && f.Value == "K7M4PX" || f == (Fact{l.Key, l.Value}); !ok {
						t.Errorf("%s of %q: %s=%q", k.Name, value, f.Name, f.Value)
					}
				}
				for _, lang := range []string{"fr", "en"} {
					if m := e.Message(lang); strings.ContainsAny(m, "\n\x00") || strings.Contains(strings.ToLower(m), "martin") || !strings.Contains(m, k.Name) {
						t.Error(m)
					}
				}
			}
		}
	}
}

// TestCounted: a flood of refusals is as few events as it has lines in audit.log, and the
// count says how many there were; off, nothing is sent.
func TestCounted(t *testing.T) {
	s, log, all := watched(t)
	log.Warn("request refused", "reason", "host", audit.Refusal)
	s.Set(true, log)
	for i := range 1000 {
		log.Warn("request refused", "reason", "origin_not_listed", "origin", fmt.Sprintf("https://a%d.example.fr", i), audit.Refusal)
	}
	log.Info("login signed", audit.Signed)
	log.Warn("request refused, as somebody says", "reason", "host")
	sent := all()
	if len(sent) < 3 || len(sent) > 40 || sent[0].Kind.Name != "events_on" || !slices.Equal(sent[0].Facts, []Fact{{"version", "1.2.3"}}) {
		t.Fatalf("%d events: %v", len(sent), sent)
	}
	n := 0
	for _, e := range sent[1:] {
		more := 1
		for _, f := range e.Facts {
			if f.Name == "more" {
				if _, err := fmt.Sscan(f.Value, &more); err != nil {
					t.Error(err)
				}
			}
		}
		if n += more; e.Kind.Name != "page_refused" || !slices.Contains(e.Facts, Fact{"reason", "origin_not_listed"}) {
			t.Errorf("%v", e)
		}
	}
	if n != 1000 {
		t.Errorf("the events tell of %d refusals", n)
	}
}

// TestNobodyIsHeldUp: while the system's log takes nothing, nobody waits for it, a queue is
// all that grows, and what did not fit is counted, all of it, in the first event after it.
func TestNobodyIsHeldUp(t *testing.T) {
	s := New(Options{})
	goesOn, sent := make(chan struct{}), make(chan Event, 3*queued)
	s.send = func(e Event) error { <-goesOn; sent <- e; return nil }
	s.Set(true, slog.New(slog.DiscardHandler))
	log := slog.New(s.Handler())
	const all = 2 * queued
	for range all {
		log.Warn("connection refused", "reason", "peer_unknown", audit.Refusal)
	}
	close(goesOn)
	first, second := <-sent, <-sent
	s.Close()
	missing := 0
	if first.Kind.Name != "events_on" || second.Kind.Name != "events_lost" {
		t.Fatalf("%v, %v", first, second)
	}
	if _, err := fmt.Sscan(second.Facts[0].Value, &missing); err != nil || missing < all-queued-1 {
		t.Errorf("%v, %v: the queue has room for %d of %d", second.Facts, err, queued, all)
	}
	n := 0
	for ; len(sent) > 0; n++ {
		if e := <-sent; e.Kind.Name != "connection_refused" {
			t.Errorf("%v", e)
		}
	}
	if n+missing != all {
		t.Errorf("%d were sent and %d counted, of %d", n, missing, all)
	}
	// The agent may end before the queue has room again.
	ended := New(Options{})
	ended.lost.Store(3)
	got := make(chan Event, 3)
	ended.send = func(e Event) error { got <- e; return nil }
	ended.log, ended.ended = slog.New(slog.DiscardHandler), make(chan struct{})
	close(ended.closing)
	ended.run()
	if len(got) != 1 || (<-got).Facts[0].Value != "3" {
		t.Error("an agent that ends counts nothing")
	}
}

// TestTriesAnew: what the system's log refuses is sent once it takes it, in its order, and
// the agent's log says so once; an agent that ends waits for nobody.
func TestTriesAnew(t *testing.T) {
	said := make(chan string, 100)
	log := slog.New(slog.NewTextHandler(lines(said), nil))
	s := New(Options{})
	sent := make(chan Event, 10)
	refuses := 1
	s.send = func(e Event) error {
		if refuses > 0 {
			refuses--
			return errors.New("nobody there")
		}
		sent <- e
		return nil
	}
	s.Set(true, log)
	s.Set(true, log)
	s.Set(false, log)
	if a, b := (<-sent).Kind.Name, (<-sent).Kind.Name; a != "events_on" || b != "events_off" {
		t.Errorf("%s, %s", a, b)
	}
	if a, b := <-said, <-said; !strings.Contains(a, "nobody there") || !strings.Contains(b, "again") {
		t.Errorf("%s%s", a, b)
	}
	s.send = func(Event) error { return errors.New("still nobody") }
	s.Set(true, log)
	<-said
	s.Close()
	s.Close()
	select {
	case <-s.ended:
	default:
		t.Error("it goes on after its end")
	}
}

type lines chan string

func (l lines) Write(line []byte) (int, error) { l <- string(line); return len(line), nil }
