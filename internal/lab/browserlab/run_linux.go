package browserlab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack/browser"
)

// play is one cell being played.
type play struct {
	ctx    context.Context
	w      *world
	c      testCase
	stack  *stack.Stack
	window window
	row    *Row
	home   string   // the browser's
	stops  []func() // end agents and other programs

	v               view      // the last view of the page
	q               *question // the browser's question at that time
	begun, answered time.Time
	twice           bool     // whether the card button was clicked on a second time
	history         []string // the states of the page, with their times
}

// Run plays every cell that the options select, each with a new browser and a new
// profile.
func Run(ctx context.Context, o Options) (rows []Row, err error) {
	want, err := expected()
	if err != nil {
		return nil, err
	}
	w, err := newWorld(ctx, o.Dir, o.Bin, o.Pictures)
	if err != nil {
		return nil, err
	}
	defer w.close()
	w.want = want
	for _, c := range cases() {
		if o.Quick && !c.quick || o.Rest && c.quick || !strings.Contains(c.name, o.Only) {
			continue
		}
		for _, b := range Browsers {
			if o.Browser != "" && b != o.Browser {
				continue
			}
			row := Row{Case: c.name, Browser: b, Want: want[c.name].of(b), Overdue: want[overdueIn(c.lang)].Asks}
			if !row.Want.notApplicable() {
				w.cell(c, &row)
			}
			if err := ctx.Err(); err != nil {
				return rows, err
			}
			rows = append(rows, row)
			o.Done(row)
		}
	}
	return rows, nil
}

func overdueIn(lang string) string {
	if lang == "en" {
		return "overdue, in English"
	}
	return "overdue"
}

// limit bounds one cell: the most patient browser shows its question for five
// minutes.
const limit = 8 * time.Minute

func (w *world) cell(c testCase, row *Row) {
	ctx, cancel := context.WithTimeout(w.ctx, limit)
	defer cancel()
	p := &play{ctx: ctx, w: w, c: c, stack: w.direct, row: row}
	if c.behind {
		p.stack = w.behind
	}
	defer func() {
		if p.window != nil {
			p.window.close()
		}
		for _, stop := range slices.Backward(p.stops) {
			stop()
		}
		_ = os.RemoveAll(p.home) // processes that are still ending may write more
	}()
	err := p.play()
	row.History = p.history
	if err != nil {
		row.Err = err
		_ = p.picture("-failed")
	}
}

func (p *play) play() error {
	p.w.proxy.set(p.c.frame, p.c.change)
	agents := p.c.agents
	if agents == nil {
		agents = func(p *play) error { return p.own(p.w.agentPorts) }
	}
	if err := agents(p); err != nil {
		return err
	}
	address := p.stack.Origin + "/"
	if p.c.address != nil {
		address = p.c.address(p.w.proxy)
	}
	if err := p.start(address); err != nil {
		return fmt.Errorf("%s: %w", p.row.Browser, err)
	}
	if err := p.window.open(p.ctx, address); err != nil {
		return err
	}
	if _, err := p.until(patience, "the page has its card button", func(v view, _ *question) bool { return v.Ready && v.Button && v.State == "idle" }); err != nil {
		return err
	}
	p.begun = time.Now()
	if err := p.press(); err != nil {
		return err
	}
	if p.c.person != nil {
		if err := p.c.person(p); err != nil {
			return err
		}
	}
	return p.awaitEnd()
}

// press clicks on the card button.
func (p *play) press() error {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return p.window.press(ctx)
}

// start starts the browser for the site at an address.
func (p *play) start(address string) (err error) {
	if p.home, err = os.MkdirTemp(p.w.dir, "h"); err != nil {
		return err
	}
	o := browser.Options{
		Home: p.home, Origin: p.stack.Origin, CAFile: p.stack.Path("tls-ca.pem"),
		Public: true, Lang: p.c.lang, Hosts: []string{outerHost, otherHost},
	}
	if strings.HasPrefix(address, "http:") {
		o.Origin = strings.TrimSuffix(address, "/")
	}
	if p.c.policy {
		if o.Etc, err = p.w.withPolicies(p.ctx); err != nil {
			return err
		}
	}
	if p.row.Browser == "Chromium" {
		p.window, err = startChromium(p.ctx, p.w.screen, o)
		return err
	}
	prefs := asking()
	if p.c.unlike {
		prefs = nil
	}
	p.window, err = startFirefox(p.ctx, p.w.screen, o, prefs)
	return err
}

var errNot = errors.New("it did not happen")

// until reads page and browser until is accepts both, and returns the last view.
func (p *play) until(d time.Duration, what string, is func(v view, q *question) bool) (view, error) {
	var err error
	for end := time.Now().Add(d); ; {
		var q *question
		if q, err = p.window.question(p.ctx); err == nil {
			var v view
			if v, err = p.window.read(p.ctx); err == nil {
				p.note(v, q)
				if is(v, q) {
					return v, nil
				}
			}
		}
		if time.Now().After(end) || p.ctx.Err() != nil {
			return p.v, fmt.Errorf("%w that %s: the page shows %+v, the browser asks %+v (%v)", errNot, what, p.v, p.q, err)
		}
		time.Sleep(between)
	}
}

// note records what was read.
func (p *play) note(v view, q *question) {
	if p.twice && q != nil {
		p.row.Twice = true
	}
	if !p.begun.IsZero() && (v.State != p.v.State || (q == nil) != (p.q == nil)) {
		p.history = append(p.history, fmt.Sprintf("%.2f s %s, asked: %t", time.Since(p.begun).Seconds(), v.State, q != nil))
	}
	p.v, p.q = v, q
}

// awaitEnd waits until the login has ended, one way or the other.
func (p *play) awaitEnd() error {
	v, err := p.until(patience, "the login ends", func(v view, q *question) bool {
		if q != nil && p.row.Question == "" { // a question that no step answers
			p.row.Question, p.row.Asked = q.Text, time.Since(p.begun)
		}
		if p.row.Want.Asks != "" && p.row.Question == "" {
			return false
		}
		return strings.HasSuffix(v.Address, "/premiere-connexion") && v.Ready || v.ended() && v.Title != ""
	})
	if err != nil {
		return err
	}
	if p.row.Question != "" && p.row.Asks == "" {
		p.row.Asks = cmp.Or(v.Title, v.Heading)
	}
	p.row.Took = time.Since(p.begun)
	if !p.answered.IsZero() {
		p.row.Took = time.Since(p.answered)
	}
	p.row.Is, p.row.Says = "logged in", v.Heading
	if v.ended() {
		p.row.Is, p.row.Says, p.row.Help, p.row.Causes, p.row.Link = v.Reason, v.Title, v.Help, v.Causes, v.Link
	}
	return p.picture("")
}

// painting is a time in which a browser usually shows what a page holds.
const painting = 200 * time.Millisecond

func (p *play) picture(more string) error {
	time.Sleep(painting) // for the picture alone
	return p.w.screen.picture(filepath.Join(p.w.pictures, fileName(p.row.Case)+"-"+strings.ToLower(p.row.Browser)+more+".png"))
}
