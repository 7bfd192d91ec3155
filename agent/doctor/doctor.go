// Package doctor checks all that a login by card needs on this workstation, and
// reports what is wrong and what to do, for a person or for a support case.
//
// Its checks are independent and run at the same time, each with a deadline of
// its own, so that a module that hangs delays nothing else. [Run] may be called
// concurrently. It never logs in to a card, asks nobody anything, least of all a
// PIN, changes nothing, and names no holder, no other person and no personal
// folder unless Identity is set. Of a running agent it only reads the state.
package doctor

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
	"github.com/cpx-bridge/cpx-bridge/agent/events"
	"github.com/cpx-bridge/cpx-bridge/agent/keyring"
	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// Outcome is how a check ended.
type Outcome string

// The outcomes.
const (
	Good    Outcome = "good"
	Notice  Outcome = "notice" // good to know or to do; no login fails because of it
	Problem Outcome = "problem"
	Unknown Outcome = "unknown" // cannot be established here and now
)

// rank orders the outcomes, the worst last.
var rank = map[Outcome]int{Good: 0, Notice: 1, Unknown: 2, Problem: 3}

// Finding is one result of a check. Check and Code are for programs and never
// change; Text and Next are for people, in the report's language.
type Finding struct {
	Check   string  `json:"check"`
	Code    string  `json:"code"`
	Scope   Scope   `json:"scope"`
	Subject string  `json:"subject,omitempty"` // a module, reader, browser, port or key
	Outcome Outcome `json:"outcome"`
	Text    string  `json:"text"`
	Next    string  `json:"next,omitempty"` // what to do
}

// Report is what `cpx-agent doctor --json` prints.
type Report struct {
	Version  int       `json:"version"` // of this format
	Agent    string    `json:"agent"`
	System   string    `json:"system"`
	Lang     string    `json:"lang"`
	Scopes   []Scope   `json:"scopes"`  // which were looked at
	Ignored  []string  `json:"ignored"` // codes that are left out of outcome and findings
	Outcome  Outcome   `json:"outcome"` // the worst: problem, else unknown, else notice, else good
	Findings []Finding `json:"findings"`
}

// Options say what is checked. Policy and Cards are required. The functions default
// to those of this workstation.
type Options struct {
	Policy *policy.Effective
	// SettingsErr is why the settings are not taken, nil where they are. Policy is what is
	// known without them, and no check then says what only they could tell.
	SettingsErr error
	Lang        string
	Agent       string // version
	StateDir    string
	Identity    bool // name holders, other people, personal folders and sites
	Root        string
	// Scopes are those of the findings that are wanted; nil: all. Without the person's, only
	// what is the same for everybody is looked at, and nothing of who runs this.
	Scopes []Scope
	Ignore []string // codes that are not wanted
	// OwnSettings is the person's file of settings, "" for none.
	OwnSettings string

	// Toolkit loads what shows the agent's own windows, and with panel its menu, and returns what
	// is missing, "" for nothing. nil: not checked.
	Toolkit   func(panel bool) (missing string)
	Display   func() bool           // nil: not checked
	Autostart func() (Start, error) // what starts the agent at a login; nil: not checked
	Menu      func() (Start, error) // its entry in the applications' menu; nil: not checked
	// HowToStart tells how the person starts it, by what there is; nil: by its command.
	HowToStart func() string
	Keyring    func(ctx context.Context) error
	Watch      func(ctx context.Context) error // whether anything tells when the person leaves
	Readers    func(ctx context.Context) ([]pcsc.Reader, error)
	Cards      func(ctx context.Context) (state.Cards, error) // required: reads the cards, as the command certs does
	Answers    func(ctx context.Context) (state.State, error) // the running agent's state, or control.ErrNoAgent; nil: it is not called
	Callers    func() error                                   // whether the system tells who connects
	Sockets    func(ports []int) ([]Socket, error)
	Events     func() error // whether security events reach the system's log, as events.Reached has it
	// Closed are this account's agents, whose sockets nobody else can look up.
	Closed func() []Process
	// OtherSession reports whether the account's agent is of another desktop session than this
	// one; nil: it is not.
	OtherSession func() bool
	System       string // the system whose texts are given, as runtime.GOOS has it, which is the default
	// Of Windows alone: the virtual loopbacks of a terminal server that are switched on, how
	// the service for readers is, whether the session is shown on another computer, and
	// whether Windows keeps a port back from all programs.
	VirtualLoopback func() ([]VirtualLoopback, error)
	PCSCService     func() (Service, error)
	Remote          func() bool
	Reserved        func(port int) bool

	Dial  func(ctx context.Context, address string) error // the agent's own port, as a person's browser does
	Now   func() time.Time
	Limit time.Duration // of each check; 0: the defaults
}

const (
	shortLimit = 15 * time.Second
	cardsLimit = 45 * time.Second
)

// check is one check, under the fixed name that its findings bear.
type check struct {
	name  string
	limit time.Duration
	run   func(ctx context.Context) []Finding
}

type doctor struct {
	Options
	texts.Catalogue
	home string
	// running is the state of the person's running agent, which is called once.
	running func() (state.State, error)
	several bool // this account has another agent besides the one that answers
	// callersErr is what Callers answered, which is asked once.
	callersErr func() error
}

// Run runs every check, and returns when each has ended or is overdue.
func Run(ctx context.Context, o Options) Report {
	d := &doctor{Options: o.withDefaults()}
	d.Catalogue = texts.In(d.Lang)
	d.home, _ = os.UserHomeDir()
	d.running = sync.OnceValues(func() (state.State, error) {
		if d.Answers == nil {
			return state.State{}, control.ErrNoAgent
		}
		ctx, cancel := context.WithTimeout(ctx, shortLimit)
		defer cancel()
		return d.Answers(ctx)
	})
	d.callersErr = sync.OnceValue(d.Callers)
	checks := []check{
		{"settings", shortLimit, d.settings}, {"pcsc", shortLimit, d.pcsc}, {"cards", cardsLimit, d.cards},
		{"dialogs", shortLimit, d.dialogs}, {"session", shortLimit, d.session}, {"keyring", shortLimit, d.keyring}, {"storage", shortLimit, d.storage}, {"callers", shortLimit, d.callers}, {"agent", shortLimit, d.agent},
		{"browsers", shortLimit, d.browsers}, {"wss", shortLimit, d.wss},
	}
	if d.VirtualLoopback != nil {
		checks = append(checks, check{"loopback", shortLimit, d.loopback})
	}
	if o.Autostart != nil {
		checks = append(checks, check{"autostart", shortLimit, d.autostart})
	}
	if o.Menu != nil {
		checks = append(checks, check{"menu", shortLimit, d.menu})
	}
	checks = slices.DeleteFunc(checks, func(c check) bool { return len(d.scopesOf(c.name)) == 0 })
	found := make([][]Finding, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() { found[i] = d.within(ctx, c) })
	}
	all.Wait()
	r := Report{Version: 1, Agent: o.Agent, System: d.System, Lang: d.Lang, Scopes: d.Scopes, Ignored: d.Ignore, Outcome: Good, Findings: []Finding{}}
	for _, list := range found {
		for _, f := range d.wanted(list) {
			f.Text, f.Next, f.Subject = d.discreet(f.Text), d.discreet(f.Next), d.discreet(f.Subject)
			r.Findings = append(r.Findings, f)
			if rank[f.Outcome] > rank[r.Outcome] {
				r.Outcome = f.Outcome
			}
		}
	}
	return r
}

func (o Options) withDefaults() Options {
	if !language.Known(o.Lang) {
		o.Lang = language.French
	}
	if o.Keyring == nil {
		o.Keyring = keyring.Ring{}.Check
	}
	if o.Watch == nil {
		o.Watch = watch
	}
	if o.Readers == nil {
		o.Readers = pcsc.Readers
	}
	if o.HowToStart == nil {
		o.HowToStart = func() string { return texts.In(o.Lang).Text("doctor.start_agent") }
	}
	if o.Callers == nil {
		o.Callers = peer.Check
	}
	if o.Sockets == nil {
		o.Sockets = Sockets
	}
	if o.Events == nil {
		o.Events = events.Reached
	}
	if o.OtherSession == nil {
		o.OtherSession = func() bool { return false }
	}
	if o.Closed == nil {
		o.Closed = closed
	}
	if o.System == "" {
		o.System = runtime.GOOS
	}
	if o.Dial == nil {
		o.Dial = dial
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o.ofSystem().ofScopes()
}

func (d *doctor) windows() bool { return d.System == "windows" }

// key is that of the text for this system: on Windows other things are to be done.
func (d *doctor) key(elsewhere, windows texts.Key) texts.Key {
	if d.windows() {
		return windows
	}
	return elsewhere
}

// within gives up on a check that is overdue. What the check started goes on, and
// ends with the program at the latest.
func (d *doctor) within(ctx context.Context, c check) []Finding {
	limit := c.limit
	if d.Limit != 0 {
		limit = d.Limit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan []Finding, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- []Finding{{Code: "failed", Outcome: Unknown, Text: d.Text("doctor.failed", c.name, p), Next: d.Text("doctor.report")}}
			}
		}()
		done <- c.run(ctx)
	}()
	var list []Finding
	select {
	case list = <-done:
	case <-ctx.Done():
		list = []Finding{{Code: "late", Outcome: Problem, Text: d.Text("doctor.overdue", c.name, limit), Next: d.overdueNext(c.name)}}
	}
	for i := range list {
		list[i].Check = c.name
	}
	return list
}

// overdueNext is what to do about an overdue check, depending on what it waits for.
func (d *doctor) overdueNext(check string) string {
	switch check {
	case "pcsc", "cards":
		return d.Text("doctor.overdue_next")
	case "keyring", "wss":
		return d.Text("doctor.overdue_keyring")
	}
	return d.Text("doctor.report")
}

// discreet removes the person's name from paths.
func (d *doctor) discreet(text string) string {
	if d.Identity || len(d.home) < 2 {
		return text
	}
	return strings.ReplaceAll(text, d.home, "~")
}
