package login

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

const (
	hostileOrigin = "https://a.pub.example.net"
	hostileDomain = "example.net"
)

// refusing is an agent whose person answers consent dialogs as the test says; the
// first value says what to answer, and a dialog without one stays open.
type refusing struct {
	*Service
	t       *testing.T
	asked   chan string
	answer  chan error
	keyring *testdesktop.Keyring
	store   *sites.Store
	log     *lockedBuffer
}

func newRefusing(t *testing.T, settings string, keyring bool) *refusing {
	t.Helper()
	r := &refusing{t: t, asked: make(chan string, 100), answer: make(chan error, 100), log: &lockedBuffer{}}
	o := setup{settings: settings, logTo: r.log, limits: Limits{Sites: testdesktop.Patience, Keyring: time.Millisecond, Dialog: testdesktop.Patience}}
	if keyring {
		r.keyring = testdesktop.NewKeyring(t, "")
		r.keyring.Use()
		dir := t.TempDir()
		r.store, o.sites = sites.New(sites.Options{Dir: dir}), sites.New(sites.Options{Dir: dir})
	}
	o.pool, o.person = fakes.OneCard(t)
	o.person.OnConsent = func(ctx context.Context, c prompt.Caller) error {
		r.asked <- c.Origin
		select {
		case err := <-r.answer:
			return err
		case <-ctx.Done():
			return fakes.DoNothing(ctx)
		}
	}
	o.person.OnAlways = func(context.Context, prompt.Caller) error { return prompt.ErrCancelled }
	r.Service = serve(t, o)
	return r
}

// code logs in and returns the code of the refusal, 0 for a token.
func (r *refusing) code(origin string) int {
	_, _, err := r.Authenticate(r.t.Context(), Request{Caller: peer.Caller{Origin: origin}, Lang: language.French, Nonce: testNonce, Progress: func(protocol.Progress) {}, Signed: func(string) {}})
	if err != nil {
		return int(err.Code)
	}
	return 0
}

// saysNever has the person refuse an origin's domain for good.
func (r *refusing) saysNever(origin string) {
	r.t.Helper()
	r.answer <- prompt.ErrNever
	if got := r.code(origin); got != int(protocol.CodeConsentDenied) {
		r.t.Fatalf("%s: code %d", origin, got)
	}
	if got := testdesktop.Await(r.t, r.asked); got != origin {
		r.t.Fatalf("asked about %s", got)
	}
}

// refuses requires that an origin's request ends at once, and asks nobody.
func (r *refusing) refuses(origin string) {
	r.t.Helper()
	if got := r.code(origin); got != int(protocol.CodeConsentDenied) {
		r.t.Errorf("%s: code %d", origin, got)
	}
	select {
	case got := <-r.asked:
		r.t.Errorf("asked about %s", got)
	default:
	}
}

// asks requires that an origin's request asks the person.
func (r *refusing) asks(origin string) {
	r.t.Helper()
	r.answer <- nil
	if got := r.code(origin); got != 0 {
		r.t.Errorf("%s: code %d", origin, got)
	}
	if got := testdesktop.Await(r.t, r.asked); got != origin {
		r.t.Errorf("asked about %s", got)
	}
}

// saved waits until the file holds exactly these domains.
func (r *refusing) saved(names ...string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), testdesktop.Patience)
	defer cancel()
	for changes := r.Changes.Listen(ctx); ; {
		var got []string
		unsaved := false
		for _, d := range r.Never() {
			got, unsaved = append(got, d.Name), unsaved || d.Unsaved
		}
		if strings.Join(got, " ") == strings.Join(names, " ") && !unsaved {
			break
		}
		select {
		case <-changes:
		case <-ctx.Done():
			r.t.Fatalf("refused: %v, not saved: %v; want %v\n%s", got, unsaved, names, r.log)
		}
	}
	l, err := r.store.List(r.t.Context())
	var got []string
	for _, d := range l.Never {
		got = append(got, d.Name)
	}
	if err != nil || strings.Join(got, " ") != strings.Join(names, " ") {
		r.t.Fatalf("in the file: %v, %v; want %v", got, err, names)
	}
}

// TestNeverAsksNoMore: after "never" no site of the domain asks, whatever its name and
// port, and others do; it is no row of dialogs, and lasts without a keyring.
func TestNeverAsksNoMore(t *testing.T) {
	r := newRefusing(t, askAll, false)
	r.saysNever(hostileOrigin)
	for range 20 {
		r.refuses(hostileOrigin)
		r.refuses("https://b.pub.example.net:8443")
		r.refuses("https://" + hostileDomain)
	}
	r.asks("https://example.org")
	r.asks("https://notexample.net")
	r.asks("https://example.net.example.com")
	if n := strings.Count(r.log.String(), "never for "+hostileDomain); n != 60 {
		t.Errorf("%d refusals in the log", n)
	}
}

// TestNeverEndsWaiters: requests of the domain that wait end at once, those of others
// and of what the settings allow go on.
func TestNeverEndsWaiters(t *testing.T) {
	r := newRefusing(t, askAll+"allow = [\"https://agreed.example.net\"]\n", false)
	codes := map[string]chan int{}
	for _, origin := range []string{hostileOrigin, otherOrigin, "https://agreed.example.net", "https://b.pub.example.net"} {
		codes[origin] = make(chan int, 1)
		go func() { codes[origin] <- r.code(origin) }()
		if origin == hostileOrigin {
			testdesktop.Await(t, r.asked)
			continue
		}
		for r.waiters(origin) == 0 {
			time.Sleep(time.Millisecond) // no event says that a request waits
		}
	}
	// The other site's dialog comes next and stays open, and holds the lease.
	r.answer <- prompt.ErrNever
	for _, origin := range []string{hostileOrigin, "https://b.pub.example.net"} {
		if got := testdesktop.Await(t, codes[origin]); got != int(protocol.CodeConsentDenied) {
			t.Errorf("%s: code %d", origin, got)
		}
	}
	if got := testdesktop.Await(t, r.asked); got != otherOrigin {
		t.Errorf("asked about %s", got)
	}
	r.answer <- nil
	for _, origin := range []string{"https://agreed.example.net", otherOrigin} {
		if got := testdesktop.Await(t, codes[origin]); got != 0 {
			t.Errorf("%s: code %d", origin, got)
		}
	}
}

func (r *refusing) waiters(origin string) (n int) {
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	for _, w := range r.queue.waiters {
		if w.origin == origin {
			n++
		}
	}
	return n
}

// TestNeverRemembered: it stands in the sealed list, holds after a new start, and is
// taken back for all sites of the domain, at the next request.
func TestNeverRemembered(t *testing.T) {
	r := newRefusing(t, askAll, true)
	r.saysNever(hostileOrigin)
	r.saved(hostileDomain)
	r.refuses(hostileOrigin)
	if !strings.Contains(r.log.String(), "domain refused from now on") {
		t.Errorf("not said:\n%s", r.log)
	}
	if err := r.Forget(hostileDomain); err != nil {
		t.Fatal(err)
	}
	r.saved()
	r.asks(hostileOrigin)
	if err := r.Forget(hostileDomain); !errors.Is(err, sites.ErrNotRemembered) {
		t.Errorf("forgotten twice: %v", err)
	}
	// Another process says so, and takes it back.
	if _, err := r.store.AddNever(t.Context(), hostileDomain); err != nil {
		t.Fatal(err)
	}
	r.refuses("https://c.example.net")
	if _, err := r.store.Forget(t.Context(), hostileDomain); err != nil {
		t.Fatal(err)
	}
	r.asks("https://c.example.net")
}

// TestLatestWord: "never" for a domain forgets what was always allowed of it, and
// "always" for a site forgets its domain's "never"; what the settings allow is none of
// the person's.
func TestLatestWord(t *testing.T) {
	r := newRefusing(t, askAll+"allow = [\"https://agreed.example.net\"]\n", true)
	const inside, outside = "https://portail.example.net", "https://portail.example.org"
	for _, origin := range []string{inside, outside} {
		if _, err := r.store.Add(t.Context(), origin); err != nil {
			t.Fatal(err)
		}
		if got := r.code(origin); got != 0 || len(r.asked) > 0 {
			t.Fatalf("%s, remembered: code %d", origin, got)
		}
	}
	r.saysNever(hostileOrigin)
	r.refuses(inside)
	r.saved(hostileDomain)
	r.refuses(inside)
	if list, err := r.Sites(); err != nil || len(list) != 1 || list[0].Origin != outside {
		t.Errorf("%v %v", list, err)
	}
	if got := r.code("https://agreed.example.net"); got != 0 || len(r.asked) > 0 {
		t.Errorf("allowed by the settings: code %d", got)
	}
	if err := r.Forget(hostileDomain); err != nil {
		t.Fatal(err)
	}
	r.asks(inside)
	if _, err := r.store.AddNever(t.Context(), hostileDomain); err != nil {
		t.Fatal(err)
	}
	r.refuses(inside)
	if _, err := r.store.Add(t.Context(), inside); err != nil {
		t.Fatal(err)
	}
	if got := r.code(inside); got != 0 || len(r.asked) > 0 {
		t.Errorf("always after never: code %d", got)
	}
	r.saved()
}

// TestNeverWithLockedKeyring: it holds at once, and goes into the list when the keyring
// opens; taken back meanwhile, it does not.
func TestNeverWithLockedKeyring(t *testing.T) {
	r := newRefusing(t, askAll, true)
	r.keyring.Lock()
	r.saysNever(hostileOrigin)
	r.saysNever("https://b.example.com")
	r.refuses(hostileOrigin)
	if list := r.Never(); len(list) != 2 || !list[0].Unsaved || list[0].Name != hostileDomain || list[0].Since.IsZero() {
		t.Errorf("%+v", list)
	}
	if err := r.Forget("example.com"); err != nil {
		t.Errorf("taken back where it was never written: %v", err)
	}
	r.keyring.Unlock()
	for end := time.Now().Add(testdesktop.Patience); ; {
		r.refuses(hostileOrigin) // now and then asks the keyring again
		if list := r.Never(); len(list) == 1 && !list[0].Unsaved {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v\n%s", r.Never(), r.log)
		}
		<-r.siteCache.loaded()
	}
	r.saved(hostileDomain)
	r.refuses(hostileOrigin)
	r.asks("https://b.example.com")

	// What is written and cannot be changed now is taken back for this run.
	r.keyring.Lock()
	if err := r.Forget(hostileDomain); !errors.Is(err, sites.ErrLocked) {
		t.Errorf("%v", err)
	}
	if list := r.Never(); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	r.asks(hostileOrigin)
}

// TestNeverFull: domains that were refused do not take the places of allowed sites, and
// one too many holds while the agent runs.
func TestNeverFull(t *testing.T) {
	r := newRefusing(t, askAll, true)
	if _, err := r.store.Add(t.Context(), otherOrigin); err != nil {
		t.Fatal(err)
	}
	for i := range sites.Max {
		if _, err := r.store.AddNever(t.Context(), fmt.Sprintf("example%d.fr", i)); err != nil {
			t.Fatal(err)
		}
	}
	r.saysNever(hostileOrigin)
	r.refuses(hostileOrigin)
	if err := r.Refuse("example.com"); !errors.Is(err, sites.ErrFull) {
		t.Errorf("%v", err)
	}
	r.refuses("https://a.example.com")
	if err := r.siteCache.ready(t.Context()); err != nil {
		t.Errorf("no site can be allowed: %v", err)
	}
	if _, err := r.store.Add(t.Context(), listedOrigin); err != nil {
		t.Errorf("no site can be allowed: %v", err)
	}
}

// TestListedModeIgnoresNever: where only the settings count, nothing else does.
func TestListedModeIgnoresNever(t *testing.T) {
	r := newRefusing(t, "[origins]\nmode = \"listed\"\nallow = [\""+listedOrigin+"\"]\n", true)
	if _, err := r.store.AddNever(t.Context(), "example.fr"); err != nil {
		t.Fatal(err)
	}
	if got := r.code(listedOrigin); got != 0 || len(r.asked) > 0 {
		t.Errorf("code %d", got)
	}
	if err := r.Refuse(hostileDomain); err == nil || len(r.Never()) > 0 {
		t.Errorf("%v, %v", err, r.Never())
	}
}

// TestRefuseRace: what is refused and taken back at the same time, again and again,
// ends as the last word was.
func TestRefuseRace(t *testing.T) {
	r := newRefusing(t, askAll, true)
	var all sync.WaitGroup
	for _, name := range []string{"example.com", "example.net", "example.org"} {
		all.Go(func() {
			for range 3 {
				if err := r.Refuse(name); err != nil {
					t.Error(err)
				}
				if err := r.Forget(name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	r.saved()
	r.asks(hostileOrigin)
}
