package login

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
)

const portalSettings = "[origins]\nmode = \"ask\"\nallow = [\"" + listedOrigin + "\", \"https://*.hopital.example\"]\n"

// worn is a Service whose person the tests wear down, with a clock that they set.
type worn struct {
	*Service
	t      *testing.T
	shown  chan string // the origin of each consent dialog
	answer chan error  // to the one that stands
	cancel atomic.Bool // the person cancels PIN dialogs
	shift  atomic.Int64
	log    *lockedBuffer
}

func newWorn(t *testing.T, limits Limits) *worn {
	t.Helper()
	w := &worn{t: t, shown: make(chan string, 1000), answer: make(chan error), log: &lockedBuffer{}}
	pool, person := fakes.OneCard(t)
	person.OnConsent = func(ctx context.Context, c prompt.Caller) error {
		w.shown <- c.Origin
		select {
		case err := <-w.answer:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	person.OnPIN = func(context.Context, prompt.PIN) ([]byte, error) {
		if w.cancel.Load() {
			return nil, prompt.ErrCancelled
		}
		return []byte("1234"), nil
	}
	begun := time.Now() // the clock stands still but for after: a busy machine changes no answer
	now := func() time.Time { return begun.Add(time.Duration(w.shift.Load())) }
	w.Service = serve(t, setup{settings: portalSettings, pool: pool, person: person, now: now, limits: limits, logTo: w.log})
	return w
}

func (w *worn) after(d time.Duration) { w.shift.Add(int64(d)) }

// request is one `authenticate` that runs.
type request struct {
	withdraw context.CancelCauseFunc
	answer   chan *protocol.Error
}

func (w *worn) asks(origin string) request {
	ctx, withdraw := context.WithCancelCause(w.t.Context())
	r := request{withdraw, make(chan *protocol.Error, 1)}
	go func() {
		_, _, err := w.Authenticate(ctx, Request{
			Caller: peer.Caller{Origin: origin}, Lang: "fr", Nonce: testNonce, Signed: func(string) {}, Progress: func(protocol.Progress) {},
		})
		r.answer <- err
	}()
	return r
}

// stands has a site ask and waits for its dialog.
func (w *worn) stands(origin string) request {
	w.t.Helper()
	r := w.asks(origin)
	w.next(origin)
	return r
}

func (w *worn) next(origin string) {
	w.t.Helper()
	if got := <-w.shown; got != origin {
		w.t.Errorf("a dialog for %s, not %s", got, origin)
	}
}

// queued has a site ask while the lease is used, and returns once it waits.
func (w *worn) queued(origin string) request {
	w.t.Helper()
	before := w.queueLength()
	r := w.asks(origin)
	for w.queueLength() == before {
		if len(r.answer) > 0 {
			err := <-r.answer
			w.t.Fatalf("%s does not wait: %v", origin, err)
		}
		runtime.Gosched()
	}
	return r
}

func (w *worn) queueLength() int {
	w.queue.mu.Lock()
	defer w.queue.mu.Unlock()
	return len(w.queue.waiters)
}

func (w *worn) want(r request, code int) *protocol.Error {
	w.t.Helper()
	err := <-r.answer
	if err == nil && code != 0 || err != nil && err.Code != code {
		w.t.Fatalf("got %v, want %d", err, code)
	}
	return err
}

// logsIn requires that an allowed site logs in.
func (w *worn) logsIn(origin string) {
	w.t.Helper()
	w.want(w.asks(origin), 0)
}

// refuses has the person refuse a site's dialog.
func (w *worn) refuses(origin string) {
	w.t.Helper()
	r := w.stands(origin)
	w.answer <- prompt.ErrCancelled
	w.want(r, protocol.CodeConsentDenied)
}

// withdraws has a page take its login back while the dialog stands.
func (w *worn) withdraws(origin string) {
	w.t.Helper()
	r := w.stands(origin)
	r.withdraw(protocol.ErrPageCancelled)
	w.want(r, protocol.CodeCancelled)
}

// ignores has the person leave a dialog without an answer.
func (w *worn) ignores(origin string) {
	w.t.Helper()
	w.want(w.stands(origin), protocol.CodeTimeout)
}

// paused requires that a request is answered at once, without a dialog, and with the
// seconds to wait.
func (w *worn) paused(origin string, least, most int) {
	w.t.Helper()
	r := w.asks(origin)
	select {
	case err := <-r.answer:
		if err == nil || err.Code != protocol.CodeBusy || err.Data.RetryAfter < least || err.Data.RetryAfter > most {
			w.t.Fatalf("%s: %+v, want %d to %d s", origin, err, least, most)
		}
	case origin := <-w.shown:
		w.t.Fatalf("a dialog for %s", origin)
	}
}

func unknown(i int) string { return fmt.Sprintf("https://site-%d.example", i) }

// TestSubdomains: a site has as many names as it likes, and one of them waits.
func TestSubdomains(t *testing.T) {
	w := newWorn(t, Limits{})
	first := w.stands("https://f0.hostile.example")
	last := w.queued("https://f1.hostile.example")
	for i := range 58 {
		if err := w.want(w.asks(fmt.Sprintf("https://f%d.hostile.example:8443", i+2)), protocol.CodeBusy); err.Data.RetryAfter != 0 {
			t.Errorf("%+v", err)
		}
	}
	portal := w.queued(listedOrigin)
	w.answer <- prompt.ErrCancelled
	w.want(first, protocol.CodeConsentDenied)
	w.want(portal, 0)
	w.next("https://f1.hostile.example")
	w.answer <- nil
	w.want(last, 0)
}

// TestCapacity: eight sites that are not allowed may wait, and eight requests of allowed
// ones, which go first.
func TestCapacity(t *testing.T) {
	w := newWorn(t, Limits{})
	w.stands(unknown(0))
	var others, portals []request
	for i := range maxWaiters {
		others = append(others, w.queued(unknown(i+1)))
	}
	w.want(w.asks(unknown(100)), protocol.CodeBusy)
	for range maxWaiters {
		portals = append(portals, w.queued(listedOrigin))
	}
	w.want(w.asks("https://a.hopital.example"), protocol.CodeBusy)
	w.answer <- nil
	for _, r := range portals {
		w.want(r, 0)
	}
	for i, r := range others {
		w.next(unknown(i + 1))
		w.answer <- nil
		w.want(r, 0)
	}
}

// TestWornDown: three dialogs of sites that are not allowed that lead to nothing within
// a minute, and nobody is asked about any of them for five.
func TestWornDown(t *testing.T) {
	type happening = func(w *worn, origin string)
	const a, b, c = "https://a.example", "https://b.example", "https://c.example"
	for name, x := range map[string]struct {
		limits  Limits
		happens [3]happening
		origins [3]string
	}{
		"refused":     {Limits{}, [3]happening{(*worn).refuses, (*worn).refuses, (*worn).refuses}, [3]string{a, b, c}},
		"unanswered":  {Limits{Dialog: 10 * time.Millisecond}, [3]happening{(*worn).ignores, (*worn).ignores, (*worn).ignores}, [3]string{a, b, c}},
		"time is up":  {Limits{Request: 10 * time.Millisecond}, [3]happening{(*worn).ignores, (*worn).ignores, (*worn).ignores}, [3]string{a, b, c}},
		"taken back":  {Limits{}, [3]happening{(*worn).withdraws, (*worn).withdraws, (*worn).withdraws}, [3]string{a, b, c}},
		"mixed":       {Limits{}, [3]happening{(*worn).refuses, (*worn).withdraws, (*worn).refuses}, [3]string{a, b, a}},
		"one domain":  {Limits{}, [3]happening{(*worn).refuses, (*worn).withdraws, (*worn).refuses}, [3]string{"https://a.hostile.example", "https://b.hostile.example", "https://hostile.example:8443"}},
		"addresses":   {Limits{}, [3]happening{(*worn).refuses, (*worn).refuses, (*worn).refuses}, [3]string{"https://192.0.2.1", "https://192.0.2.2", "https://[2001:db8::1]"}},
		"of a portal": {Limits{}, [3]happening{(*worn).refuses, (*worn).refuses, (*worn).refuses}, [3]string{otherOrigin, "https://b.example.fr", "https://c.example.fr"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorn(t, x.limits)
			for i, happens := range x.happens {
				happens(w, x.origins[i])
				w.after(25 * time.Second)
			}
			w.paused("https://new.example.org", 270, 275)
			w.logsIn(listedOrigin)
			w.after(274 * time.Second)
			w.paused("https://new.example.org", 1, 1)
			if w.UnknownSitesPaused().IsZero() {
				t.Error("the pause is not shown")
			}
			w.after(2 * time.Second)
			w.stands("https://new.example.org")
			if until := w.UnknownSitesPaused(); !until.IsZero() {
				t.Errorf("a pause is shown until %v", until)
			}
			begun, over := strings.Count(w.log.String(), "sites that are not allowed are paused"), strings.Count(w.log.String(), "the pause of the sites that are not allowed is over")
			if begun != 1 || over != 1 {
				t.Errorf("begun %d times, over %d times:\n%s", begun, over, w.log)
			}
		})
	}
}

// TestSlowly: three in more than a minute pause nobody but their own domain, whichever
// of its names asks, for twice as long each time, until a login succeeds there.
func TestSlowly(t *testing.T) {
	w := newWorn(t, Limits{})
	for i := range 12 {
		w.refuses(unknown(i))
		w.after(31 * time.Second)
	}
	for round, pause := range []int{30, 60, 120, 240, 480, 600, 600} {
		for i := range 3 {
			w.after(31 * time.Second)
			w.refuses(fmt.Sprintf("https://n%d.r%d.hostile.example", i, round))
		}
		w.paused("https://any.hostile.example", pause-2, pause)
		w.after(time.Duration(pause) * time.Second)
	}
	r := w.stands("https://any.hostile.example")
	w.answer <- nil
	w.want(r, 0)
	for i := range 3 {
		w.after(31 * time.Second)
		w.refuses(fmt.Sprintf("https://m%d.hostile.example", i))
	}
	w.paused("https://any.hostile.example", 28, 30)
}

// TestBusyOracle: a page that asks while somebody logs in and takes it back, to learn
// just that, is counted, though the person saw nothing.
func TestBusyOracle(t *testing.T) {
	w := newWorn(t, Limits{})
	w.stands(unknown(0))
	other := w.queued(unknown(1))
	for i := range 3 {
		r := w.queued(fmt.Sprintf("https://o%d.oracle.example", i))
		r.withdraw(protocol.ErrPageCancelled)
		w.want(r, protocol.CodeCancelled)
		w.after(31 * time.Second)
	}
	w.after(-31 * time.Second)
	w.paused("https://oracle.example", 28, 30)
	w.answer <- nil
	w.next(unknown(1)) // it was more than a minute, so only the domain pauses
	w.answer <- nil
	w.want(other, 0)
}

// TestWithdrawnInTheQueue: the same within a minute ends what waits of sites that are
// not allowed, but neither the dialog that stands nor what waits of allowed ones.
func TestWithdrawnInTheQueue(t *testing.T) {
	w := newWorn(t, Limits{})
	standing := w.stands(unknown(0))
	other, portal := w.queued(unknown(1)), w.queued(listedOrigin)
	for range 3 {
		r := w.queued("https://oracle.example")
		r.withdraw(protocol.ErrPageCancelled)
		w.want(r, protocol.CodeCancelled)
	}
	if err := w.want(other, protocol.CodeBusy); err.Data.RetryAfter < 299 {
		t.Errorf("%+v", err)
	}
	w.paused("https://new.example.org", 299, 300)
	w.answer <- nil
	w.want(standing, 0)
	w.want(portal, 0)
}

// TestPausedInTheQueue: what waits of a domain that pauses ends, and no other.
func TestPausedInTheQueue(t *testing.T) {
	w := newWorn(t, Limits{})
	for range 2 {
		w.refuses("https://a.hostile.example")
		w.after(31 * time.Second)
	}
	standing := w.stands("https://b.hostile.example")
	same, other := w.queued("https://c.hostile.example"), w.queued(unknown(1))
	w.answer <- prompt.ErrCancelled
	w.want(standing, protocol.CodeConsentDenied)
	if err := w.want(same, protocol.CodeBusy); err.Data.RetryAfter < 28 {
		t.Errorf("%+v", err)
	}
	w.next(unknown(1))
	w.answer <- nil
	w.want(other, 0)
}

// TestAllowedSite: ten in a row pause an allowed site, with its whole domain, for 30 s
// each time; nothing that a site beside it does pauses it, and it ends no row of theirs.
func TestAllowedSite(t *testing.T) {
	w := newWorn(t, Limits{})
	refuse := func(origin string) {
		t.Helper()
		w.cancel.Store(true)
		w.want(w.asks(origin), protocol.CodeCancelled)
		w.cancel.Store(false)
	}
	for range 3 {
		w.refuses(otherOrigin) // https://autre.example.fr, beside the portal
		w.after(31 * time.Second)
	}
	w.after(-31 * time.Second)
	w.paused("https://b.example.fr", 28, 30)
	w.logsIn(listedOrigin)
	w.paused("https://b.example.fr", 28, 30)
	for range 2 {
		for i := range 10 {
			refuse(fmt.Sprintf("https://s%d.hopital.example", i))
		}
		w.paused("https://other.hopital.example", 28, 30)
		w.logsIn(listedOrigin)
		w.after(31 * time.Second)
	}
	for range 2 {
		for range 9 {
			refuse(listedOrigin)
		}
		w.logsIn(listedOrigin) // which ends the row
	}
	if w.after(time.Minute); !w.UnknownSitesPaused().IsZero() {
		t.Error("allowed sites have had the others paused")
	}
}

// TestChangesInTheQueue: a site that ceases to be allowed while it waits is paused as
// what it has become; one that is allowed meanwhile goes on without a question.
func TestChangesInTheQueue(t *testing.T) {
	w := newWorn(t, Limits{})
	standing := w.stands(unknown(0))
	forgotten := w.queued(listedOrigin)
	w.SetPolicy(t.Context(), settings(t, "[origins]\nallow = [\""+listedOrigin+"\"]\n"))
	allowed := w.queued("https://a.hopital.example")
	w.answer <- nil
	w.want(standing, 0)
	w.want(forgotten, 0)
	w.next("https://a.hopital.example")
	w.answer <- nil
	w.want(allowed, 0)

	standing = w.stands(unknown(0))
	allowed = w.queued("https://a.hopital.example")
	w.SetPolicy(t.Context(), settings(t, portalSettings))
	w.answer <- nil
	w.want(standing, 0)
	w.want(allowed, 0) // nobody was asked

	standing = w.stands(unknown(0))
	forgotten = w.queued(listedOrigin)
	for range 3 {
		r := w.queued("https://oracle.example")
		r.withdraw(protocol.ErrPageCancelled)
		w.want(r, protocol.CodeCancelled)
	}
	w.SetPolicy(t.Context(), settings(t, "[origins]\nallow = [\"https://*.hopital.example\"]\n"))
	w.answer <- nil
	w.want(standing, 0)
	if err := w.want(forgotten, protocol.CodeBusy); err.Data.RetryAfter < 299 {
		t.Errorf("%+v", err)
	}
}

// TestSettingsChangeInTheQueue: a login goes on under the settings that it began with, also
// where they refuse its site now; one that waits is refused by those that count when its
// turn comes, and so is one that comes.
func TestSettingsChangeInTheQueue(t *testing.T) {
	w := newWorn(t, Limits{})
	standing := w.stands(unknown(0))
	later, listed := w.queued(unknown(1)), w.queued(listedOrigin)
	w.SetPolicy(t.Context(), settings(t, "[origins]\nmode = \"listed\"\nallow = [\""+listedOrigin+"\"]\n"))
	w.answer <- nil
	w.want(standing, 0)
	w.want(listed, 0)
	w.want(later, protocol.CodeConsentDenied)
	w.want(w.asks(unknown(2)), protocol.CodeConsentDenied)
	if w.Remembers() || w.Allowed(unknown(0)) {
		t.Error("what is remembered counts in mode listed")
	}
	w.SetPolicy(t.Context(), settings(t, portalSettings))
	standing = w.stands(unknown(0))
	w.answer <- nil
	w.want(standing, 0)
}

// TestWithdrawnAtOnce: a request that was taken back before it came to the queue counts.
func TestWithdrawnAtOnce(t *testing.T) {
	w := newWorn(t, Limits{})
	ctx, withdraw := context.WithCancelCause(t.Context())
	withdraw(protocol.ErrPageCancelled)
	for range 3 {
		if err := w.queue.acquire(ctx, newAsker(unknown(1), false)); err == nil {
			t.Fatal("it got the lease")
		}
	}
	w.paused(unknown(2), 299, 300)
}
