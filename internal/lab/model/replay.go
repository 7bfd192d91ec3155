package model

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Event is one step that the agent logged.
type Event struct {
	Request uint64 // 0: the question after a login
	Step    string
	// Of the steps of the queue: whether the request's site is allowed, and its domain.
	Known   bool
	Allowed bool
	Domain  string
}

var (
	eventLine = regexp.MustCompile(`msg="login step" n=(\d+) request=(\d+) step=(\w+)(.*)`)
	ofQueue   = regexp.MustCompile(`allowed=(true|false) domain=(\S+)`)
)

// Events are the steps in an agent's log. A line that is missing, or stands in the wrong
// place, is an error.
func Events(log string) ([]Event, error) {
	var events []Event
	for _, m := range eventLine.FindAllStringSubmatch(log, -1) {
		if n, _ := strconv.Atoi(m[1]); n != len(events)+1 {
			return nil, fmt.Errorf("%w: %d stands after %d", errOrder, n, len(events))
		}
		e := Event{Step: m[3]}
		e.Request, _ = strconv.ParseUint(m[2], 10, 64)
		if q := ofQueue.FindStringSubmatch(m[4]); q != nil {
			e.Known, e.Allowed, e.Domain = true, q[1] == "true", q[2]
		}
		if !slices.Contains(Steps(), e.Step) {
			return nil, fmt.Errorf("%w: %s", errUnknownStep, e.Step)
		}
		events = append(events, e)
	}
	return events, nil
}

var (
	errOrder       = errors.New("the lines of the trace do not follow each other")
	errUnknownStep = errors.New("the model has no such step")
)

// Trace is a recorded run.
type Trace struct {
	Name   string
	Events []Event
}

// Stops says for each trace how many of its steps the model can make: one more than it
// has where it is a path of the model, at whose end nothing is going on. The model is
// built in dir.
func Stops(ctx context.Context, dir string, traces []Trace) ([]int, error) {
	var plays []play
	allowed, others := 1, 1
	for _, t := range traces {
		p := cast(t.Events)
		plays = append(plays, p)
		allowed, others = max(allowed, p.count(true)), max(others, p.count(false))
	}
	if _, err := build(ctx, dir, Variant{Quick: true}, observer(traces, plays, allowed, others)); err != nil {
		return nil, err
	}
	out, err := command(ctx, dir, "./pan", "-m2000000", "-w20", "-E", "-n")
	r, parsed := parse(out)
	if err := errors.Join(err, parsed); err != nil {
		return nil, err
	}
	if r.Errors > 0 {
		return nil, fmt.Errorf("%w: %s", errNoSearch, r.First)
	}
	stops := make([]int, len(traces))
	for _, m := range madeLine.FindAllStringSubmatch(out, -1) {
		i, _ := strconv.Atoi(m[1])
		stops[i], _ = strconv.Atoi(m[2])
	}
	return stops, nil
}

var madeLine = regexp.MustCompile(`(?m)^trace (\d+) made (\d+)$`)

// Path reports whether a trace of which Stops says so is a path of the model.
func (t Trace) Path(stop int) bool { return stop > len(t.Events) }

// play says which of the model's pages stands for which request.
type play struct {
	roles []role
	of    map[uint64]int // the role of a request
}

// role is one of the model's pages: it has one request at a time.
type role struct {
	allowed bool
	domain  string
	until   int // the last event of the request that it stands for
	index   int // among those that are allowed, or are not
}

func (p play) count(allowed bool) (n int) {
	for _, r := range p.roles {
		if r.allowed == allowed {
			n++
		}
	}
	return n
}

// cast gives each request a role that no other has while it is on.
func cast(events []Event) play {
	p := play{of: map[uint64]int{0: -1}}
	until, known, answered := map[uint64]int{}, map[uint64]Event{}, map[uint64]bool{}
	for i, e := range events {
		if until[e.Request] = len(events); answered[e.Request] || e.Step == "token_sent" || e.Step == "error_sent" {
			answered[e.Request], until[e.Request] = true, i
		}
		if e.Known && !known[e.Request].Known {
			known[e.Request] = e
		}
	}
	for i, e := range events {
		if _, done := p.of[e.Request]; done {
			continue
		}
		k := known[e.Request]
		at := slices.IndexFunc(p.roles, func(r role) bool { return r.until < i && r.domain == k.Domain && r.allowed == k.Allowed })
		if at < 0 {
			at = len(p.roles)
			p.roles = append(p.roles, role{allowed: k.Allowed, domain: k.Domain, index: p.count(k.Allowed)})
		}
		p.roles[at].until = until[e.Request]
		p.of[e.Request] = at
	}
	return p
}

// observer is the program that lets the model do nothing but one of the traces, and
// prints how far it comes.
func observer(traces []Trace, plays []play, allowed, others int) string {
	var b strings.Builder
	pages := allowed + others
	fmt.Fprintf(&b, "#define TRACE\n#define PAGES %d\n#define ALLOWED %d\n#define PLACES 8\n", pages, allowed)
	fmt.Fprintf(&b, "byte domain_of[%d];\n#define DOMAIN(i) domain_of[i]\n#include \"login.pml\"\n", pages)
	fmt.Fprintf(&b, "c_decl {\nstatic int furthest[%d];\n", len(traces))
	b.WriteString("static void made(int t, int n) { if (n > furthest[t]) { furthest[t] = n; printf(\"trace %d made %d\\n\", t, n); } }\n}\n")
	rest := "holder == NOBODY && module_of == NOBODY && dialog == none"
	for i := range pages {
		rest += fmt.Sprintf(" && !running[%d]", i)
	}
	b.WriteString("proctype Observer()\n{\nif\n")
	for i, t := range traces {
		p := plays[i]
		page := func(role int) int {
			switch {
			case role < 0:
				return pages // OFFER
			case p.roles[role].allowed:
				return p.roles[role].index
			}
			return allowed + p.roles[role].index
		}
		fmt.Fprintf(&b, ":: true ->\n")
		domains := map[string]int{}
		for n, r := range p.roles {
			if _, seen := domains[r.domain]; !seen {
				domains[r.domain] = page(n)
			}
			fmt.Fprintf(&b, "domain_of[%d] = %d;\n", page(n), domains[r.domain])
		}
		for n, e := range t.Events {
			fmt.Fprintf(&b, "atomic { want = %s; whose = %d };\n", e.Step, page(p.of[e.Request]))
			fmt.Fprintf(&b, "atomic { (want == nothing) -> c_code { made(%d, %d); } };\n", i, n+1)
		}
		fmt.Fprintf(&b, "atomic { (%s) -> c_code { made(%d, %d); } }\n", rest, i, len(t.Events)+1)
	}
	b.WriteString("fi\n}\n")
	return b.String()
}

// Show is a trace up to a step, for people.
func Show(t Trace, stop int) string {
	var b strings.Builder
	for i, e := range t.Events {
		note := ""
		if i == stop {
			note = " <-- no step of the model here"
		}
		fmt.Fprintf(&b, "%3d request %d %s%s\n", i+1, e.Request, e.Step, note)
	}
	return b.String()
}
