package gate

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is set by the test.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// crowd is a gate that any site may reach, one of them allowed.
type crowd struct {
	t     *testing.T
	gate  *Gate
	clock *clock
	pages *testPages
	log   *lockedBuffer
}

func newCrowd(t *testing.T, allow ...string) *crowd {
	t.Helper()
	c := &crowd{t: t, clock: &clock{t: time.Unix(1e9, 0)}, log: &lockedBuffer{}}
	c.pages = &testPages{now: c.clock.now, opened: make(chan *testPage, maxSockets)}
	settings := "[origins]\nmode = \"ask\"\nallow = [\"" + strings.Join(append(allow, listedOrigin), `", "`) + "\"]\n"
	c.gate = serve(t, setup{settings: settings, now: c.clock.now, pages: c.pages, logTo: c.log})
	return c
}

// open opens a socket, one clock's second after the last, and returns its page.
func (c *crowd) open(origin string) *testPage {
	c.t.Helper()
	c.clock.pass(time.Second)
	open(c.t, c.gate, origin)
	return <-c.pages.opened
}

// otherSite is the n-th subdomain of the n-th sixteenth of hostile domains.
func otherSite(n int) string { return fmt.Sprintf("https://s%d.evil%d.fr", n, n/maxSocketsOfDomain) }

func (c *crowd) refused(origin string) {
	c.t.Helper()
	before := strings.Count(c.log.String(), "reason=too_many_connections")
	c.clock.pass(time.Second)
	_, response, err := connect(c.gate, http.Header{"Origin": {origin}})
	if err == nil || response == nil || response.StatusCode != http.StatusForbidden {
		c.t.Errorf("%s: %v, want 403", origin, err)
	}
	if strings.Count(c.log.String(), "reason=too_many_connections") != before+1 {
		c.t.Errorf("the refusal of %s is not in the log", origin)
	}
}

func displaced(p *testPage) bool {
	select {
	case <-p.displaced:
		return true
	default:
		return false
	}
}

// TestDomainHasItsNumber: a site's subdomains have the sockets of one, others have
// theirs, and what is idle for a minute makes way, the oldest first.
func TestDomainHasItsNumber(t *testing.T) {
	c := newCrowd(t)
	var pages []*testPage
	for n := range maxSocketsOfDomain {
		pages = append(pages, c.open(otherSite(n)))
	}
	c.refused("https://evil0.fr")
	c.refused("https://another.evil0.fr:8443")
	c.open("https://other.fr")
	c.open(listedOrigin)

	pages[0].set(Running, c.clock.now())
	pages[1].set(Watching, c.clock.now())
	c.clock.pass(idleLimit)
	c.open("https://evil0.fr")
	for n, p := range pages {
		if displaced(p) != (n == 2) {
			t.Errorf("page %d made room: %v", n, displaced(p))
		}
	}
	if !strings.Contains(c.log.String(), "socket closed for room") {
		t.Error("that a socket made room is not in the log")
	}
}

// TestAllowedIsAdmitted: an allowed site is let in where strangers have taken all sockets,
// of whatever age; none of theirs takes an allowed one's.
func TestAllowedIsAdmitted(t *testing.T) {
	c := newCrowd(t)
	var others []*testPage
	for n := range maxSockets {
		p := c.open(otherSite(n))
		p.set(Idle, c.clock.now().Add(time.Hour)) // none is a minute old
		others = append(others, p)
	}
	c.refused("https://newcomer.fr")
	mine := c.open(listedOrigin)
	if !displaced(others[0]) || displaced(others[1]) {
		t.Error("the oldest did not make room, or more did")
	}
	c.clock.pass(3 * time.Hour)
	mine.set(Idle, time.Time{}) // idle for longer than any other
	last := c.open("https://newcomer.fr")
	if displaced(mine) || !displaced(others[1]) {
		t.Error("a stranger took an allowed site's place, or not the oldest of others")
	}

	// All strangers use theirs: one that watches goes, none that logs in.
	for n, p := range others {
		p.set([]Use{Watching, Running}[n%2], c.clock.now())
	}
	last.set(Running, c.clock.now())
	c.refused("https://busy.fr")
	c.open(listedOrigin)
	if !displaced(others[2]) || displaced(others[3]) || displaced(mine) {
		t.Error("not the first that watches made room")
	}
}

// TestFortyTabs: of an allowed site each is let in. What is idle makes way from its
// seventeenth on; tabs that watch their card all stay.
func TestFortyTabs(t *testing.T) {
	for _, use := range []Use{Idle, Watching, Running} {
		c := newCrowd(t)
		var tabs []*testPage
		for range 40 {
			p := c.open(listedOrigin)
			p.set(use, c.clock.now())
			tabs = append(tabs, p)
		}
		for n, p := range tabs {
			if want := use == Idle && n < 40-maxSocketsOfDomain; displaced(p) != want {
				t.Errorf("use %d: tab %d made room: %v", use, n, displaced(p))
			}
		}
	}
}

// TestOneSiteOfManyTabs: an allowed site that takes all sockets makes room for another
// one, of those that it only watches with, and for itself.
func TestOneSiteOfManyTabs(t *testing.T) {
	const other = "https://portail.autre.fr"
	c := newCrowd(t, other)
	first := c.open(other)
	first.set(Watching, time.Time{})
	var tabs []*testPage
	for range maxSockets - 1 {
		p := c.open(listedOrigin)
		p.set(Watching, c.clock.now())
		tabs = append(tabs, p)
	}
	tabs[0].set(Running, time.Time{})
	c.refused("https://newcomer.fr")
	c.open(other)
	c.open(listedOrigin)
	if displaced(first) || displaced(tabs[0]) || !displaced(tabs[1]) || !displaced(tabs[2]) || displaced(tabs[3]) {
		t.Error("another than the two oldest that watch of the site with most made room")
	}
}

// TestSharedHosting: under one domain the page of a stranger pushes out none of an
// allowed site, and does not use up its number.
func TestSharedHosting(t *testing.T) {
	const allowed, other = "https://portail.hopital.fr", "https://blog.hopital.fr"
	c := newCrowd(t, allowed)
	first := c.open(allowed)
	first.set(Idle, time.Time{})
	for range maxSocketsOfDomain {
		c.open(other)
	}
	c.refused(other)
	if displaced(first) {
		t.Error("a stranger pushed out an allowed site's socket")
	}
	for range maxSocketsOfDomain - 1 {
		c.open(allowed)
	}
	if displaced(first) {
		t.Error("strangers' sockets count for the allowed site")
	}
	c.open(allowed)
	if !displaced(first) {
		t.Error("the allowed site's own oldest did not make room")
	}
}

// TestPublicSuffix: under a suffix below which anyone can have a site, sites count each
// for itself.
func TestPublicSuffix(t *testing.T) {
	c := newCrowd(t)
	for range maxSocketsOfDomain {
		c.open("https://one.github.io")
	}
	c.refused("https://www.one.github.io")
	c.open("https://two.github.io")
	for n := range maxSocketsOfDomain {
		c.open(fmt.Sprintf("https://192.0.2.1:%d", 1000+n))
	}
	c.refused("https://192.0.2.1")
	c.open("https://192.0.2.2")
}

// TestDisplacedIsClosed: a page that does not close its socket is closed, and counts
// until then.
func TestDisplacedIsClosed(t *testing.T) {
	t.Parallel() // it waits out the limit
	c := newCrowd(t)
	socket, _, err := connect(c.gate, http.Header{"Origin": {listedOrigin}})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	<-c.pages.opened
	for range maxSocketsOfDomain {
		c.open(listedOrigin)
	}
	if n := c.gate.conns.count(isClosing); n != 1 {
		t.Errorf("%d connections leave, want 1", n)
	}
	_ = socket.SetReadDeadline(time.Now().Add(4 * closeLimit))
	if _, _, err := socket.ReadMessage(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it is still open: %v", err)
	}
}

// TestNeverMoreAtOnce: however many come at the same time, there are never more.
func TestNeverMoreAtOnce(t *testing.T) {
	c := newCrowd(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	admitted := 0
	for n := range 3 * maxSocketsOfDomain {
		all.Go(func() {
			socket, _, err := connect(c.gate, http.Header{"Origin": {fmt.Sprintf("https://s%d.evil.fr", n)}})
			if err != nil {
				return
			}
			t.Cleanup(func() { socket.Close() })
			mu.Lock()
			defer mu.Unlock()
			admitted++
		})
	}
	all.Wait()
	if admitted != maxSocketsOfDomain {
		t.Errorf("%d sockets, want %d", admitted, maxSocketsOfDomain)
	}
}
