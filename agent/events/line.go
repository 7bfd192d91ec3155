package events

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/lazyregexp"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// Fact is a value that an event has, under a name such as reason.
type Fact struct{ Name, Value string }

// Event is an event as it is sent.
type Event struct {
	Kind  Kind
	Facts []Fact
}

// Message is the event as it is shown, in a language, on one line.
func (e Event) Message(lang string) string {
	text := texts.In(lang).Text(e.Kind.Text) + " [" + e.Kind.Name
	for _, f := range e.Facts {
		text += " " + f.Name + "=" + f.Value
	}
	return text + "]"
}

// The forms of values that can say nothing of a person.
var (
	number   = lazyregexp.New(`^[1-9]\d{0,5}$`)
	codeName = lazyregexp.New(`^[a-z][a-z_]{0,39}$`)
	moment   = lazyregexp.New(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$`)
	release  = lazyregexp.New(`^[0-9A-Za-z.+-]{1,60}$`)
)

func form(r *lazyregexp.Regexp) func(slog.Value) string {
	return func(v slog.Value) string { return r.FindString(v.String()) }
}

// setting is a key of the settings, nothing else that somebody wrote in its place; of
// several those that are.
func setting(v slog.Value) string {
	written, several := v.Any().([]string)
	if !several {
		written = []string{v.String()}
	}
	known := map[string]bool{}
	for _, d := range policy.Definitions() {
		known[d.Key] = true
	}
	return strings.Join(slices.DeleteFunc(slices.Clone(written), func(key string) bool { return !known[key] }), ",")
}

func references(v slog.Value) string { return strings.Join(reference.In(v.String()), ",") }

// facts are the keys of the log whose values may be sent, the name that each has in an
// event, and what of the value is sent: "" for nothing. Whatever is not here is left out.
var facts = []struct {
	key, name string
	of        func(slog.Value) string
}{
	{"reason", "reason", form(codeName)},
	{"detail", "detail", form(codeName)},
	{"code", "code", form(number)},
	{"key", "setting", setting},
	{"setting", "setting", setting},
	{"gone", "setting", setting},
	{"line", "line", form(number)},
	{"seconds", "seconds", form(number)},
	{reference.Key, reference.Key, references},
	{"references", reference.Key, references},
	{"more", "more", form(number)},
	{"first", "first", form(moment)},
	{"last", "last", form(moment)},
}

// of is the event that a line of the log is, or none.
func of(r slog.Record) (e Event, is bool) {
	attrs := map[string]slog.Value{}
	r.Attrs(func(a slog.Attr) bool { attrs[a.Key] = a.Value; return true })
	mark, marked := attrs[audit.Key]
	if !marked {
		return e, false
	}
	for _, k := range Kinds {
		for _, l := range k.Lines {
			if l.Message == r.Message && l.Mark.Value.Equal(mark) && (l.Key == "" || attrs[l.Key].String() == l.Value) {
				return Event{k, factsOf(attrs)}, true
			}
		}
	}
	return e, false
}

func factsOf(attrs map[string]slog.Value) (all []Fact) {
	for _, f := range facts {
		value, set := attrs[f.key]
		if !set {
			continue
		}
		if text := f.of(value); text != "" {
			all = append(all, Fact{f.name, text})
		}
	}
	return all
}

// handler takes the events out of the log. It comes after what counts lines, which has put
// all attributes into the record itself.
type handler struct{ s *Sender }

func (h handler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (h handler) Handle(_ context.Context, r slog.Record) error {
	if !h.s.on.Load() {
		return nil
	}
	if e, is := of(r); is {
		h.s.put(e)
	}
	return nil
}

func (h handler) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h handler) WithGroup(string) slog.Handler { return h }
