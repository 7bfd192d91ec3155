package agent

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// await waits until the state is as wanted, woken by changes only.
func await(t *testing.T, s *Server, changes <-chan struct{}, what string, wanted func(State) bool) State {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		state := s.State()
		if wanted(state) {
			return state
		}
		select {
		case <-changes:
		case <-late:
			t.Fatalf("%s: the state stays %+v", what, state)
		}
	}
}

// slowCards are cards whose module may be held at work.
type slowCards struct {
	*fakeCards
	working sync.Mutex // held: each look waits
}

func (c *slowCards) List(ctx context.Context) (pkcs11.Snapshot, error) {
	c.working.Lock()
	defer c.working.Unlock()
	return c.fakeCards.List(ctx)
}

// A card that leaves is gone, and one that comes is being read, while the
// module is at work.
func TestStateFollowsEvents(t *testing.T) {
	cards, person := oneCard(t)
	full := cards.snapshot
	slow := &slowCards{fakeCards: cards}
	events := make(chan pcsc.Event)
	s := serve(t, setup{cards: cards, over: slow, person: person, events: events})
	changes := s.Changes(t.Context())
	events <- present(1)
	await(t, s, changes, "read", func(s State) bool { return s.Card == "present" && len(s.Certificates) == 1 && !s.Reading && !s.Polled })

	slow.working.Lock()
	events <- empty(2)
	await(t, s, changes, "removed", func(s State) bool { return s.Card == "absent" && len(s.Certificates) == 0 && s.Readers == 1 })
	events <- pcsc.Event{}
	await(t, s, changes, "unplugged", func(s State) bool { return s.Card == "absent" && len(s.Certificates) == 0 })
	events <- present(3)
	await(t, s, changes, "another card", func(s State) bool { return s.Reading })
	slow.working.Unlock()
	await(t, s, changes, "read again", func(s State) bool { return !s.Reading && len(s.Certificates) == 1 })

	slow.working.Lock() // swapped between two events
	events <- present(5)
	await(t, s, changes, "swapped", func(s State) bool { return s.Reading && len(s.Certificates) == 0 })
	slow.working.Unlock()
	await(t, s, changes, "the other one", func(s State) bool { return len(s.Certificates) == 1 })

	cards.set(pkcs11.Snapshot{Slots: full.Slots[:0]})
	events <- empty(6)
	await(t, s, changes, "out", func(s State) bool { return s.Card == "absent" && !s.Reading })
}

// A card that a look has missed is looked for again, because no event would
// tell; one that no module ever shows is there all the same.
func TestMissedCard(t *testing.T) {
	cards, person := oneCard(t)
	full := cards.snapshot
	cards.set(pkcs11.Snapshot{})
	events := make(chan pcsc.Event)
	s := serve(t, setup{cards: cards, person: person, events: events, limits: Limits{Missed: time.Millisecond}})
	changes := s.Changes(t.Context())
	events <- empty(0)
	await(t, s, changes, "empty", func(s State) bool { return s.Card == "absent" && !s.Reading })
	before := cards.looks()
	events <- present(1)
	await(t, s, changes, "given up", func(s State) bool { return s.Card == "present" && len(s.Certificates) == 0 && !s.Reading })
	if n := cards.looks() - before; n < maxAgain || n > 1+maxAgain { // one may have been under way
		t.Errorf("%d looks", n)
	}

	events = make(chan pcsc.Event)
	s = serve(t, setup{cards: cards, person: person, events: events, limits: Limits{Missed: 2 * time.Second}})
	changes = s.Changes(t.Context())
	before = cards.looks()
	events <- present(1)
	await(t, s, changes, "missed", func(s State) bool { return s.Reading && cards.looks() > before })
	cards.set(full)
	await(t, s, changes, "found", func(s State) bool { return len(s.Certificates) == 1 && !s.Reading })
}

// The flags of the PIN are part of the state, and looked at after a wrong one.
func TestStateOfThePIN(t *testing.T) {
	cards, person := oneCard(t)
	c := cards.snapshot.Certificates[0]
	wrong := "0000"
	person.pin = func(_ context.Context, p prompt.PIN) ([]byte, error) {
		if p.WrongPIN {
			return nil, prompt.ErrCancelled
		}
		token := *c.Slot.Token
		token.PINCountLow = true
		c.Slot.Token = &token
		cards.set(pkcs11.Snapshot{Slots: []pkcs11.Slot{c.Slot}, Certificates: []pkcs11.Certificate{c}})
		return []byte(wrong), nil
	}
	events := make(chan pcsc.Event)
	s := serve(t, setup{cards: cards, person: person, events: events})
	events <- present(1)
	changes := s.Changes(t.Context())
	await(t, s, changes, "before", func(s State) bool { return len(s.Certificates) == 1 && s.Certificates[0].Tries == TriesPlenty })
	p := openPage(t, s, listedOrigin)
	p.authenticate(1)
	want(t, p.answer(), CodePINIncorrect)
	await(t, s, changes, "after", func(s State) bool { return len(s.Certificates) == 1 && s.Certificates[0].Tries == TriesFew })
	for flags, want := range map[pkcs11.Token]Tries{
		{}: TriesPlenty, {PINCountLow: true}: TriesFew, {PINCountLow: true, PINFinalTry: true}: TriesLast, {PINFinalTry: true, PINLocked: true}: TriesNone, {PINNotSet: true}: TriesUnset,
	} {
		if got := triesOf(&flags); got != want {
			t.Errorf("%+v: %q", flags, got)
		}
	}
}

// A login shows as in use from its turn to its end; a kept card until locked.
func TestStateOfALogin(t *testing.T) {
	cards, person, _ := kept(t)
	watch, _ := listening()
	typed := make(chan struct{})
	pin := person.pin
	person.pin = func(ctx context.Context, p prompt.PIN) ([]byte, error) { <-typed; return pin(ctx, p) }
	s := serve(t, setup{cards: cards, person: person, session: time.Hour, desktop: watch})
	changes := s.Changes(t.Context())
	p := openPage(t, s, listedOrigin)
	p.authenticate(1)
	await(t, s, changes, "asked", func(s State) bool { return s.InUse && !s.PINSession })
	close(typed)
	if a := p.answer(); a.Error != nil {
		t.Fatal(a.Error)
	}
	await(t, s, changes, "kept", func(s State) bool { return !s.InUse && s.PINSession })
	if err := s.LockCards(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, s, changes, "locked", func(s State) bool { return !s.PINSession })
}

// Choosing in the menu answers the dialog that asks which certificate.
func TestChosenInTheMenu(t *testing.T) {
	cards, person := oneCard(t)
	two, key := holder(t, 2)
	cards.snapshot.Certificates = append(cards.snapshot.Certificates, two)
	cards.sign = signer(two, key) // any other certificate fails
	asked := make(chan struct{})
	person.choose = func(ctx context.Context, _ []prompt.Holder) (int, error) {
		close(asked)
		<-ctx.Done()
		return 0, context.Cause(ctx)
	}
	s := serve(t, setup{cards: cards, person: person, choice: NewChoice(t.TempDir())})
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
	paths := policy.Paths{Machine: filepath.Join(dir, "policy.toml"), User: filepath.Join(dir, "config.toml")}
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

func TestPersonsLanguage(t *testing.T) {
	const fr, en = "lang = \"fr\"\n", "lang = \"en\"\n"
	for name, c := range map[string]struct {
		machine, chosen, user, desktop string
		want                           string
		warned                         bool
	}{
		"policy":               {fr, `{"lang":"en"}`, en, "en_GB.UTF-8", "fr", false},
		"policy without lang":  {"[ports]\ncount = 5\n", `{"lang":"en"}`, fr, "fr_FR.UTF-8", "en", false},
		"tray":                 {"", `{"lang":"en"}`, fr, "fr_FR.UTF-8", "en", false},
		"settings":             {"", "", en, "fr_FR.UTF-8", "en", false},
		"desktop":              {"", "", "", "en_GB.UTF-8", "en", false},
		"malformed":            {"", `{"lang":`, en, "fr_FR.UTF-8", "en", true},
		"unknown language":     {"", `{"lang":"de"}`, en, "fr_FR.UTF-8", "en", true},
		"policy over bad file": {fr, `{"lang":`, en, "en_GB.UTF-8", "fr", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("LC_ALL", c.desktop)
			dir := t.TempDir()
			if c.chosen != "" {
				if err := os.WriteFile(filepath.Join(dir, "language.json"), []byte(c.chosen), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var log bytes.Buffer
			got := PersonsLanguage(settingsOf(t, c.machine, c.user), NewLanguageChoice(dir), slog.New(slog.NewTextHandler(&log, nil)))
			if got != c.want || (log.Len() > 0) != c.warned {
				t.Errorf("%q, want %q; log %q", got, c.want, log.String())
			}
		})
	}
}

// The language changes at once, for the dialogs too where the page names none,
// and stays.
func TestSetLanguage(t *testing.T) {
	cards, person := oneCard(t)
	kept := NewLanguageChoice(t.TempDir())
	s := serve(t, setup{cards: cards, person: person, language: kept})
	before := s.Language()
	other := map[string]string{French: English, English: French}[before]
	changes := s.Changes(t.Context())
	if err := s.SetLanguage(other); err != nil {
		t.Fatal(err)
	}
	await(t, s, changes, "switched", func(s State) bool { return s.Lang == other && !s.LangFixed })
	if got, err := kept.Get(); got != other || err != nil {
		t.Errorf("kept %q, %v", got, err)
	}
	for asked, want := range map[string]string{"": other, "de": other, "fr-FR": "fr", "en": "en"} {
		if got := s.language(asked); got != want {
			t.Errorf("a page that asks for %q gets %q", asked, got)
		}
	}
	if err := s.SetLanguage("de"); err == nil || s.Language() != other {
		t.Errorf("%v, %s", err, s.Language())
	}
	s = serve(t, setup{cards: cards, person: person, language: kept, policy: settingsOf(t, "lang = \"fr\"\n", "")})
	if err := s.SetLanguage(English); err != ErrLanguageFixed || !s.State().LangFixed {
		t.Errorf("fixed: %v", err)
	}
}
