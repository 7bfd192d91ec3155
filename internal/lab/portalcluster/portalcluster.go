// Package portalcluster plays the reference portal as a region runs it: PostgreSQL, three
// instances as processes of their own, one port in front of them without stickiness, and people
// who log in all the while with real tokens, while an instance is killed, the database is
// started anew and a card is revoked. It counts what must never be: a login that was answered
// 200 and is gone, a nonce that was used twice or in another session, a revoked card let in
// after the set time. It is for tests and `make portal-cluster`; [Run] is for one caller.
package portalcluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options are how much is played.
type Options struct {
	Dir     string        // for files
	Program string        // cpx-portal
	People  int           // who log in
	Time    time.Duration // for how long; an instance is killed at a quarter, the database restarted at half
	Log     io.Writer     // what happens when
}

// Refresh is the setting crl.refresh: how old a list may become.
const Refresh = 10 * time.Second

// limit is how long after its revocation a card may still be let in: the list's age, and as long
// as fetching it may take.
const limit = Refresh + 5*time.Second

// Report is what was counted.
type Report struct {
	Logins, Failed  int // answered 200; anything else, of good tokens
	FailedQuiet     int // of the second, while nothing was killed or restarted
	Spaces, Foreign int // pages of the person's own; of somebody else
	Replayed, Twice int // tokens sent a second time; let in
	Moved, Accepted int // tokens sent from another session; let in
	Checked, Lost   int // sessions of logins that were answered 200; gone at the end
	Nonces, Unused  int // rows of used nonces; logins without one
	Instances       int
	Revoked         time.Duration // until the last instance refused
	RevokedLetIn    int           // logins by the card after the set time
	RevokedRefused  int           // refused then
}

// Faults are what must never be.
func (r Report) Faults() (faults []string) {
	for what, n := range map[string]int{
		"logins that were answered 200 are gone": r.Lost, "tokens were let in twice": r.Twice, "tokens were let in from another session": r.Accepted,
		"pages showed somebody else": r.Foreign, "logins used no nonce": r.Unused, "logins by a revoked card after the set time": r.RevokedLetIn,
		"logins failed while nothing was killed or restarted": r.FailedQuiet,
	} {
		if n != 0 {
			faults = append(faults, fmt.Sprintf("%d %s", n, what))
		}
	}
	for what, n := range map[string]int{
		"login": r.Logins, "token sent a second time": r.Replayed, "token from another session": r.Moved, "session checked": r.Checked, "revoked card refused": r.RevokedRefused,
	} {
		if n == 0 {
			faults = append(faults, "no "+what+": nothing was shown")
		}
	}
	if r.Revoked > limit {
		faults = append(faults, fmt.Sprintf("the revoked card was let in for %v", r.Revoked))
	}
	return faults
}

// Table prints the counts.
func (r Report) Table(w io.Writer) error {
	_, err := fmt.Fprintf(w, `| what | count |
|---|---|
| logins that were answered 200 | %d |
| of them gone at the end | %d |
| good tokens that were not let in: an instance was killed, the database restarted | %d |
| the same while neither was | %d |
| pages of the person's own | %d |
| pages of somebody else | %d |
| tokens sent a second time | %d |
| of them let in | %d |
| tokens sent from another session | %d |
| of them let in | %d |
| nonces used | %d |
| a revoked card was refused by all %d instances after (limit %v) | %v |
| logins by it that were refused, and let in, after that limit | %d, %d |
`, r.Logins, r.Lost, r.Failed-r.FailedQuiet, r.FailedQuiet, r.Spaces, r.Foreign, r.Replayed, r.Twice, r.Moved, r.Accepted, r.Nonces,
		r.Instances, limit, r.Revoked.Round(100*time.Millisecond), r.RevokedRefused, r.RevokedLetIn)
	return err
}

// Run plays it and returns what was counted. Its error is of what could not be played.
func Run(ctx context.Context, o Options) (report Report, err error) {
	c, err := start(ctx, o)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	c.say("%d people, %d instances, one port", o.People, len(c.instances))

	playing, end := context.WithTimeout(ctx, o.Time)
	defer end()
	var people sync.WaitGroup
	for i := range c.people {
		people.Go(func() { c.logIn(playing, i) })
	}
	err = c.disturb(playing)
	people.Wait()
	if err == nil {
		err = c.revoke(ctx)
	}
	if err == nil {
		err = c.check(ctx)
	}
	c.report.Instances = len(c.instances)
	return c.report, err
}

// disturb kills an instance, restarts the database, and starts the instance anew.
func (c *cluster) disturb(ctx context.Context) error {
	steps := []struct {
		at   int // in eighths of the time
		what string
		do   func() error
	}{
		{2, "an instance is killed", c.instances[1].kill},
		{4, "the database is killed and started anew", func() error { return c.server.Control(ctx, "restart", "-m", "immediate") }},
		{6, "the instance is started anew", func() error { return c.instances[1].start(ctx) }},
	}
	begun := time.Now()
	for _, s := range steps {
		select {
		case <-time.After(time.Until(begun.Add(c.o.Time * time.Duration(s.at) / 8))):
		case <-ctx.Done():
			return ctx.Err()
		}
		c.say("%s", s.what)
		c.disturbed(true)
		err := s.do()
		c.disturbed(false)
		if err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	return nil
}

// calm is how long after a disturbance a login may still fail for it.
const calm = 5 * time.Second

func (c *cluster) disturbed(now bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.disturbing, c.disturbedAt = now, time.Now()
}

// quiet reports whether nothing was disturbed since a login began.
func (c *cluster) quiet(begun time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.disturbing && begun.Sub(c.disturbedAt) > calm
}

// logIn has a person log in, in a new browser each time, until ctx ends.
func (c *cluster) logIn(ctx context.Context, i int) {
	for ctx.Err() == nil {
		c.once(ctx, c.people[i])
		select {
		case <-time.After(time.Second/2 + rand.N(2*time.Second)):
		case <-ctx.Done():
		}
	}
}

func (c *cluster) once(ctx context.Context, p *person) {
	begun := time.Now()
	b := newBrowser(c.address, c.host)
	token, err := b.token(ctx, p)
	var sent []string
	if err == nil {
		sent = b.cookies()
		err = b.login(ctx, token)
	}
	if err != nil {
		if ctx.Err() == nil {
			c.count(func(r *Report) {
				r.Failed++
				if c.quiet(begun) {
					r.FailedQuiet++
					c.say("a login failed: %v", err)
				}
			})
		}
		return
	}
	c.remember(p, b)
	c.count(func(r *Report) { r.Logins++ })
	if name, err := b.space(ctx); err == nil {
		c.count(func(r *Report) {
			r.Spaces++
			if name != p.name {
				r.Spaces, r.Foreign = r.Spaces-1, r.Foreign+1
			}
		})
	}
	if rand.N(3) == 0 {
		c.replay(ctx, p, token, sent)
	}
}

// replay sends a token that was let in a second time, with the cookies that it came with, and a
// fresh one from another browser, which has a challenge of its own.
func (c *cluster) replay(ctx context.Context, p *person, token string, sent []string) {
	same := newBrowser(c.address, c.host)
	same.put(sent)
	err := same.login(ctx, token)
	if refused(err) || err == nil {
		c.count(func(r *Report) {
			r.Replayed++
			if err == nil {
				r.Twice++
			}
		})
	}
	first, second := newBrowser(c.address, c.host), newBrowser(c.address, c.host)
	moved, err := first.token(ctx, p)
	if err != nil {
		return
	}
	if _, err := second.token(ctx, p); err != nil {
		return
	}
	if err := second.login(ctx, moved); refused(err) || err == nil {
		c.count(func(r *Report) {
			r.Moved++
			if err == nil {
				r.Accepted++
			}
		})
	}
}

// revoke revokes a card, and has it log in at each instance until all refuse it, and after that.
func (c *cluster) revoke(ctx context.Context) error {
	lost := c.people[0]
	for _, i := range c.instances {
		if err := i.login(ctx, c.host, lost); err != nil {
			return fmt.Errorf("the card to be revoked is not let in before: %w", err)
		}
	}
	if _, err := c.service.Do("revoke lost"); err != nil {
		return err
	}
	c.say("a card is revoked")
	begun := time.Now()
	for _, i := range c.instances {
		for reasonOf(i.login(ctx, c.host, lost)) != "revoked" {
			if time.Since(begun) > 2*limit || ctx.Err() != nil {
				break
			}
			select {
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
			}
		}
		c.report.Revoked = time.Since(begun)
	}
	if rest := limit - time.Since(begun); rest > 0 {
		select {
		case <-time.After(rest):
		case <-ctx.Done():
		}
	}
	for range 3 {
		for _, i := range c.instances {
			switch err := i.login(ctx, c.host, lost); {
			case err == nil:
				c.report.RevokedLetIn++
			case reasonOf(err) == "revoked":
				c.report.RevokedRefused++
			default:
				return fmt.Errorf("the revoked card at an instance: %w", err)
			}
		}
	}
	return nil
}

// check asks for the space of each session whose login was answered 200, and counts the nonces.
func (c *cluster) check(ctx context.Context) error {
	c.say("%d sessions are checked", len(c.sessions))
	queue := make(chan session)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for s := range queue {
				name, err := s.browser.space(ctx)
				c.count(func(r *Report) {
					r.Checked++
					if err != nil || name != s.person.name {
						r.Lost++
						c.say("a session is gone: %q, %v", name, err)
					}
				})
			}
		})
	}
	for _, s := range c.sessions {
		queue <- s
	}
	close(queue)
	workers.Wait()
	if err := c.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM used_nonces`).Scan(&c.report.Nonces); err != nil {
		return err
	}
	c.report.Unused = max(0, c.report.Logins-c.report.Nonces)
	return nil
}

func (c *cluster) say(format string, args ...any) {
	fmt.Fprintf(c.o.Log, "%5.1fs  %s\n", time.Since(c.begun).Seconds(), fmt.Sprintf(format, args...))
}

func (c *cluster) count(change func(r *Report)) {
	c.reportMu.Lock()
	defer c.reportMu.Unlock()
	change(&c.report)
}

func (c *cluster) remember(p *person, b *browser) {
	c.reportMu.Lock()
	defer c.reportMu.Unlock()
	c.sessions = append(c.sessions, session{p, b})
}

// write writes a file of the cluster's.
func (c *cluster) write(name string, text []byte) error {
	return os.WriteFile(filepath.Join(c.o.Dir, name), text, 0o600)
}
