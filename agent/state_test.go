package agent

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/owners"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// await waits until the state is as wanted, woken by changes only.
func await(t *testing.T, s *Server, changes <-chan struct{}, what string, wanted func(state.State) bool) state.State {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		now := s.State()
		if wanted(now) {
			return now
		}
		select {
		case <-changes:
		case <-limit:
			t.Fatalf("%s: the state stays %+v", what, now)
		}
	}
}

// slowPool is one whose module may be held at work.
type slowPool struct {
	*fakes.Pool
	working sync.Mutex // held: each reading waits
}

func (c *slowPool) List(ctx context.Context) (pkcs11.Snapshot, error) {
	c.working.Lock()
	defer c.working.Unlock()
	return c.Pool.List(ctx)
}

// A card that leaves is gone, and one that comes is being read, while the
// module is at work.
func TestStateFollowsEvents(t *testing.T) {
	pool, person := fakes.OneCard(t)
	full := pool.Cards
	slow := &slowPool{Pool: pool}
	events := make(chan pcsc.Event)
	s := serve(t, setup{pool: pool, over: slow, person: person, events: events})
	changes := s.Changes(t.Context())
	events <- fakes.Present(1)
	await(t, s, changes, "read", func(s state.State) bool {
		return s.Card == "present" && len(s.Certificates) == 1 && !s.Arriving && !s.Polled
	})

	slow.working.Lock()
	events <- fakes.Empty(2)
	await(t, s, changes, "removed", func(s state.State) bool { return s.Card == "absent" && len(s.Certificates) == 0 && s.ReaderCount == 1 })
	events <- pcsc.Event{}
	await(t, s, changes, "unplugged", func(s state.State) bool { return s.Card == "absent" && len(s.Certificates) == 0 })
	events <- fakes.Present(3)
	await(t, s, changes, "another card", func(s state.State) bool { return s.Arriving })
	slow.working.Unlock()
	await(t, s, changes, "read again", func(s state.State) bool { return !s.Arriving && len(s.Certificates) == 1 })

	slow.working.Lock() // swapped between two events
	events <- fakes.Present(5)
	await(t, s, changes, "swapped", func(s state.State) bool { return s.Arriving && len(s.Certificates) == 0 })
	slow.working.Unlock()
	await(t, s, changes, "the other one", func(s state.State) bool { return len(s.Certificates) == 1 })

	pool.Set(pkcs11.Snapshot{Slots: full.Slots[:0]})
	events <- fakes.Empty(6)
	await(t, s, changes, "out", func(s state.State) bool { return s.Card == "absent" && !s.Arriving })
}

// mostReadings is how often a card that no module shows is read for.
const mostReadings = 3

// A card that a reading has missed is read for again, because no event would
// come; one that no module ever shows is there all the same.
func TestUnshownCard(t *testing.T) {
	pool, person := fakes.OneCard(t)
	full := pool.Cards
	pool.Set(pkcs11.Snapshot{})
	events := make(chan pcsc.Event)
	s := serve(t, setup{pool: pool, person: person, events: events, limits: Limits{Cards: cards.Limits{Unshown: time.Millisecond}}})
	changes := s.Changes(t.Context())
	events <- fakes.Empty(0)
	await(t, s, changes, "empty", func(s state.State) bool { return s.Card == "absent" && !s.Arriving })
	before := pool.Reads()
	events <- fakes.Present(1)
	await(t, s, changes, "given up", func(s state.State) bool { return s.Card == "present" && len(s.Certificates) == 0 && !s.Arriving })
	if n := pool.Reads() - before; n < mostReadings || n > 1+mostReadings { // one may have been under way
		t.Errorf("%d looks", n)
	}

	events = make(chan pcsc.Event)
	s = serve(t, setup{pool: pool, person: person, events: events, limits: Limits{Cards: cards.Limits{Unshown: 2 * time.Second}}})
	changes = s.Changes(t.Context())
	before = pool.Reads()
	events <- fakes.Present(1)
	await(t, s, changes, "missed", func(s state.State) bool { return s.Arriving && pool.Reads() > before })
	pool.Set(full)
	await(t, s, changes, "found", func(s state.State) bool { return len(s.Certificates) == 1 && !s.Arriving })
}

// The flags of the PIN are part of the state, and read anew after a wrong one.
func TestStateOfThePIN(t *testing.T) {
	pool, person := fakes.OneCard(t)
	c := pool.Cards.Certificates[0]
	wrong := "0000"
	person.OnPIN = func(_ context.Context, p prompt.PIN) ([]byte, error) {
		if p.WrongPIN {
			return nil, prompt.ErrCancelled
		}
		token := *c.Slot.Token
		token.PINCountLow = true
		c.Slot.Token = &token
		pool.Set(pkcs11.Snapshot{Slots: []pkcs11.Slot{c.Slot}, Certificates: []pkcs11.Certificate{c}})
		return []byte(wrong), nil
	}
	events := make(chan pcsc.Event)
	s := serve(t, setup{pool: pool, person: person, events: events})
	events <- fakes.Present(1)
	changes := s.Changes(t.Context())
	await(t, s, changes, "before", func(s state.State) bool { return len(s.Certificates) == 1 && s.Certificates[0].PIN == state.PINGood })
	p := openPage(t, s, listedOrigin)
	p.authenticate(1)
	want(t, p.answer(), protocol.CodePINIncorrect)
	await(t, s, changes, "after", func(s state.State) bool {
		return len(s.Certificates) == 1 && s.Certificates[0].PIN == state.PINCountLow
	})
	for flags, want := range map[pkcs11.Token]state.PIN{
		{}: state.PINGood, {PINCountLow: true}: state.PINCountLow, {PINCountLow: true, PINFinalTry: true}: state.PINFinalTry,
		{PINLocked: true, MaybeInUse: true}:  state.PINLockedOrInUse,
		{PINFinalTry: true, PINLocked: true}: state.PINLocked, {PINFinalTry: true, PINNotSet: true}: state.PINNotSet, {PINCountLow: true, PINExpired: true}: state.PINExpired,
	} {
		if got := cards.PINOf(&flags); got != want {
			t.Errorf("%+v: %q", flags, got)
		}
	}
}

// A login shows as in use while it has the lease; a card session until it ends.
func TestStateOfALogin(t *testing.T) {
	pool, person, _ := withSession(t)
	watch, _ := listening()
	typed := make(chan struct{})
	pin := person.OnPIN
	person.OnPIN = func(ctx context.Context, p prompt.PIN) ([]byte, error) { <-typed; return pin(ctx, p) }
	s := serve(t, setup{pool: pool, person: person, session: time.Hour, desktop: watch})
	changes := s.Changes(t.Context())
	p := openPage(t, s, listedOrigin)
	p.authenticate(1)
	await(t, s, changes, "asked", func(s state.State) bool { return s.InUse && !s.CardSession })
	close(typed)
	if a := p.answer(); a.Error != nil {
		t.Fatal(a.Error)
	}
	await(t, s, changes, "kept", func(s state.State) bool { return !s.InUse && s.CardSession })
	if err := s.LockCards(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, s, changes, "locked", func(s state.State) bool { return !s.CardSession })
}

// Choosing in the menu answers the dialog that asks which certificate.
func TestChosenInTheMenu(t *testing.T) {
	pool, person := fakes.OneCard(t)
	two, key := fakes.Certificate(t, 2)
	pool.Cards.Certificates = append(pool.Cards.Certificates, two)
	pool.Signing = fakes.Signer(two, key) // any other certificate fails
	asked := make(chan struct{})
	person.OnChoose = func(ctx context.Context, _ []prompt.Holder) (int, error) {
		close(asked)
		<-ctx.Done()
		return 0, context.Cause(ctx)
	}
	s := serve(t, setup{pool: pool, person: person, choice: cards.NewChoice(t.TempDir())})
	p := openPage(t, s, listedOrigin)
	p.authenticate(1)
	<-asked
	if err := s.Use(strings.Repeat("0", 64)); err != nil { // not on a card: the dialog stands
		t.Fatal(err)
	}
	if err := s.Use(two.ID); err != nil {
		t.Fatal(err)
	}
	if a := p.answer(); a.Error != nil {
		t.Fatal(a.Error)
	}
	for _, c := range s.State().Certificates {
		if c.Chosen != (c.ID == two.ID) {
			t.Errorf("%s chosen: %v", c.ID, c.Chosen)
		}
	}
}

func settingsOf(t *testing.T, machine, user string) *policy.Effective {
	t.Helper()
	dir := t.TempDir()
	paths := policy.Paths{Machine: filepath.Join(dir, "policy.toml"), User: filepath.Join(dir, "config.toml"), Owners: owners.Person}
	for path, text := range map[string]string{paths.Machine: machine, paths.User: user} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := policy.Load(paths)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The language changes at once, for the dialogs too where the page names none,
// and stays.
func TestSetLanguage(t *testing.T) {
	pool, person := fakes.OneCard(t)
	choice := language.NewChoice(t.TempDir())
	s := serve(t, setup{pool: pool, person: person, language: choice})
	before := s.language.current()
	other := map[string]string{language.French: language.English, language.English: language.French}[before]
	changes := s.Changes(t.Context())
	if err := s.SetLanguage(other); err != nil {
		t.Fatal(err)
	}
	await(t, s, changes, "switched", func(s state.State) bool { return s.Lang == other && !s.LangFixed })
	if got, err := choice.Get(); got != other || err != nil {
		t.Errorf("remembered %q, %v", got, err)
	}
	for asked, want := range map[string]string{"": other, "de": other, "fr-FR": "fr", "en": "en"} {
		if got := s.language.of(asked); got != want {
			t.Errorf("a page that asks for %q gets %q", asked, got)
		}
	}
	if err := s.SetLanguage("de"); err == nil || s.language.current() != other {
		t.Errorf("%v, %s", err, s.language.current())
	}
	s = serve(t, setup{pool: pool, person: person, language: choice, policy: settingsOf(t, "lang = \"fr\"\n", "")})
	if err := s.SetLanguage(language.English); err != state.ErrLanguageFixed || !s.State().LangFixed {
		t.Errorf("fixed: %v", err)
	}
}
