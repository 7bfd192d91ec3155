package attack

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

// What the agent's log says when nobody is asked any more about sites that are not
// allowed, and when they are again.
const (
	pauseBegins = "sites that are not allowed are paused"
	pauseEnds   = "the pause of the sites that are not allowed is over"
)

// mostConsents is how many dialogs of sites that are not allowed a person sees at most
// within a minute.
const mostConsents = 3

func line22() []Attack {
	refuses := map[string]any{"pin": []string{"1234"}, "confirm": []string{"notok"}}
	ignores := map[string]any{"pin": []string{"1234"}, "confirm": []string{"hang"}}
	return []Attack{
		{
			Line: 22, Title: "sixty names of one site ask again and again", Short: true,
			Options: stack.Options{AgentOnly: true, Others: true, AutoPIN: refuses},
			Play:    func(w *World, r *Record) error { return wearDown(w, r, "https://f%d.hostile.test") },
		},
		{
			Line: 22, Title: "sixty sites ask again and again", Short: true,
			Options: stack.Options{AgentOnly: true, Others: true, AutoPIN: refuses},
			Play:    func(w *World, r *Record) error { return wearDown(w, r, "https://hostile%d.test") },
		},
		{
			Line: 22, Title: "requests that wait, and are taken back", Short: true,
			Options: stack.Options{AgentOnly: true, Others: true, AutoPIN: ignores},
			Play:    occupyQueue,
		},
		{
			Line: 22, Title: "a page with sixty frames in Chromium",
			Options: framesOptions(refuses), Play: func(w *World, r *Record) error { return frames(w, r, chromium) },
		},
		{
			Line: 22, Title: "a page with sixty frames in Firefox",
			Options: framesOptions(refuses), Play: func(w *World, r *Record) error { return frames(w, r, firefox) },
		},
	}
}

// consents are the dialogs that asked for a consent so far.
func (w *World) consents() int {
	return strings.Count(strings.Join(w.Dialogs(), "\n")+"\n", "CONFIRM\n")
}

// awaitConsents waits for the nth consent dialog.
func (w *World) awaitConsents(n int) error {
	for end := time.Now().Add(patience); w.consents() < n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("%d dialogs, not %d", w.consents(), n)
		}
	}
	return nil
}

const askers = 60

// wearDown has sixty pages ask, whose origins differ by a number, until the agent says
// for how long nobody is asked; the portal logs in meanwhile.
func wearDown(w *World, r *Record, form string) error {
	var all sync.WaitGroup
	pauses, refused := make(chan int, askers), make(chan string, askers)
	for i := range askers {
		all.Go(func() {
			p, response, err := w.Dial(fmt.Sprintf(form, i), nil)
			if err != nil {
				if response == nil {
					refused <- err.Error()
				} else {
					refused <- response.Status
				}
				return
			}
			defer p.Socket.Close()
			pauses <- p.askUntilPaused()
		})
	}
	portal := w.Login()
	all.Wait()
	close(pauses)
	close(refused)
	var shortest []int
	for seconds := range pauses {
		shortest = append(shortest, seconds)
	}
	slices.Sort(shortest)
	r.Check(len(shortest) >= 16 && shortest[0] > 200, fmt.Sprintf("%d pages that had a socket ask until they are told to wait", len(shortest)), "%d s at least", slices.Min(append(shortest, 1000)))
	for why := range refused {
		r.Check(why == "403 Forbidden", "a page too many", "%s", why)
	}
	r.Check(portal == nil, "the allowed portal logs in meanwhile", "%v", portal)
	return w.checkPaused(r)
}

// askUntilPaused asks again whatever the answer is, and returns the seconds to wait; 0
// where the agent never said any.
func (p *Page) askUntilPaused() int {
	for range 1000 {
		a, err := p.Call("authenticate", map[string]any{"challengeNonce": Nonce(), "lang": "fr"})
		if err != nil || a.Error == nil {
			return 0
		}
		if a.Error.Data.RetryAfter > 60 {
			return a.Error.Data.RetryAfter
		}
		time.Sleep(20 * time.Millisecond) // as a page's timer would
	}
	return 0
}

// checkPaused checks that the person saw three dialogs and then none, and that they can
// end it.
func (w *World) checkPaused(r *Record) error {
	r.Check(w.consents() == mostConsents, "the dialogs that the person saw", "%d", w.consents())
	begun := strings.Count(w.Log(), pauseBegins)
	r.Check(begun == 1, "the log says that nobody is asked any more", "%d times", begun)
	p, _, err := w.Dial("https://nouveau.test", nil)
	if err != nil {
		return err
	}
	defer p.Socket.Close()
	a, err := p.Call("authenticate", map[string]any{"challengeNonce": Nonce(), "lang": "fr"})
	if err != nil {
		return err
	}
	r.Check(a.Error != nil && a.Error.Code == 1004 && a.Error.Data.RetryAfter > 60, "a site that asks for the first time", "%+v", a.Error)
	out, err := w.Command(w.Context, "cpx-agent", "sites", "resume", "--config", w.Path("agent.toml")).CombinedOutput()
	r.Check(err == nil && strings.Count(w.Log(), pauseEnds) == 1, "the person ends it with cpx-agent sites resume", "%v %.200s", err, bytes.TrimSpace(out))
	if err := p.Send("authenticate", map[string]any{"challengeNonce": Nonce(), "lang": "fr"}); err != nil {
		return err
	}
	if err := w.awaitConsents(mostConsents + 1); err != nil {
		r.Check(false, "the same site after that", "%v", err)
	}
	return nil
}

// occupyQueue fills the queue while a dialog stands, has the portal log in, and takes
// requests back.
func occupyQueue(w *World, r *Record) error {
	ask := func(origin string) (*Page, error) {
		p, _, err := w.Dial(origin, nil)
		if err != nil {
			return nil, err
		}
		return p, p.Send("authenticate", map[string]any{"challengeNonce": Nonce(), "lang": "fr"})
	}
	first, err := ask("https://first.hostile.test")
	if err != nil {
		return err
	}
	defer first.Socket.Close()
	if err := w.awaitConsents(1); err != nil {
		return err
	}
	// Ten requests of one origin: one waits, the others are answered at once.
	answers := make(chan Answer, 20)
	var pages []*Page
	defer func() {
		for _, p := range pages {
			_ = p.Socket.Close()
		}
	}()
	occupy := func(origin string) error {
		p, err := ask(origin)
		if err != nil {
			return err
		}
		pages = append(pages, p)
		go func() {
			if a, err := p.Answer(); err == nil {
				answers <- a
			}
		}()
		return nil
	}
	expectBusy := func(what string, n int) {
		for range n {
			select {
			case a := <-answers:
				r.Check(a.Error != nil && a.Error.Code == 1004, what, "%+v", a.Error)
			case <-time.After(patience):
				r.Check(false, what, "no answer")
			}
		}
	}
	for range 10 {
		if err := occupy("https://hostile.test"); err != nil {
			return err
		}
	}
	expectBusy("ten requests of one origin, all but one", 9)
	for i := range 10 {
		if err := occupy(fmt.Sprintf("https://other%d.test", i)); err != nil {
			return err
		}
	}
	expectBusy("more sites than may wait", 3)
	// The portal comes last and is served next.
	portal, err := ask(w.Origin)
	if err != nil {
		return err
	}
	defer portal.Socket.Close()
	if err := w.settled(); err != nil {
		return err
	}
	if err := first.Send("cancel", nil); err != nil {
		return err
	}
	a, err := portal.Answer()
	r.Check(err == nil && a.Error == nil, "the portal, which asked last", "%v %+v", err, a.Error)
	if err := w.awaitConsents(2); err != nil {
		return err
	}
	lines := strings.Join(w.Dialogs(), "\n")
	order := slices.DeleteFunc(strings.Split(lines, "\n"), func(l string) bool { return l != "CONFIRM" && l != "GETPIN" })
	r.Check(slices.Equal(order, []string{"CONFIRM", "GETPIN", "CONFIRM"}), "the order of the dialogs", "%v", order)
	// All that wait are taken back, which nobody sees: it counts all the same.
	for _, p := range pages {
		_ = p.Socket.Close()
	}
	for end := time.Now().Add(patience); strings.Count(w.Log(), pauseBegins) == 0 && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	p, err := ask("https://nouveau.test")
	if err != nil {
		return err
	}
	defer p.Socket.Close()
	a, err = p.Answer()
	r.Check(err == nil && a.Error != nil && a.Error.Code == 1004 && a.Error.Data.RetryAfter > 200, "a site that asks after they were all taken back", "%v %+v", err, a.Error)
	begun := strings.Count(w.Log(), pauseBegins)
	r.Check(begun == 1, "the log says that nobody is asked any more", "%d times", begun)
	return nil
}

// settled returns once the agent has had time to take up what was sent to it before:
// it answers another page three times.
func (w *World) settled() error {
	p, _, err := w.Dial(w.Origin, nil)
	if err != nil {
		return err
	}
	defer p.Socket.Close()
	for range 3 {
		if _, err := p.Call("status", nil); err != nil {
			return err
		}
	}
	return nil
}
