package agent

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/desktop"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// kept is a card whose module keeps logins, with a person who types the PIN and
// says yes; asked counts both dialogs.
func kept(t *testing.T) (cards *fakeCards, person fakePerson, asked map[string]int) {
	t.Helper()
	c, key := holder(t, 1)
	sign := signer(c, key)
	asked = map[string]int{}
	cards = &fakeCards{snapshot: pkcs11.Snapshot{Slots: []pkcs11.Slot{c.Slot}, Certificates: []pkcs11.Certificate{c}}, locked: make(chan struct{}, 10)}
	cards.sign = func(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error) {
		if r.UseCardSession {
			if !cards.HasCardSession(c.ID) {
				return pkcs11.Signature{}, pkcs11.ErrNoCardSession
			}
			r.PIN = func(context.Context, pkcs11.PINRequest) ([]byte, error) { return []byte("1234"), nil }
		}
		s, err := sign(ctx, r)
		if err == nil && r.OpenCardSession {
			cards.mu.Lock()
			cards.kept = c.ID
			cards.mu.Unlock()
		}
		return s, err
	}
	person.pin = func(context.Context, prompt.PIN) ([]byte, error) { asked["PIN"]++; return []byte("1234"), nil }
	person.confirm = func(_ context.Context, c prompt.Caller, h prompt.Holder) error {
		asked["consent"]++
		if c.Origin != listedOrigin || h.Name == "" {
			t.Errorf("consent of %+v, %+v", c, h)
		}
		return nil
	}
	return cards, person, asked
}

// listening is a desktop on which a test makes the person leave.
func listening() (func(context.Context, func(string)) error, chan string) {
	leave := make(chan string)
	return func(ctx context.Context, left func(string)) error {
		go func() {
			for {
				select {
				case reason := <-leave:
					left(reason)
				case <-ctx.Done():
					return
				}
			}
		}()
		return nil
	}, leave
}

func logIn(t *testing.T, p *testPage) {
	t.Helper()
	p.authenticate(1)
	if a := p.answer(); a.Error != nil {
		t.Fatal(a.Error)
	}
}

// The PIN once; then consent each time, naming origin and holder, for an origin
// that is listed too.
func TestPINSession(t *testing.T) {
	cards, person, asked := kept(t)
	watch, leave := listening()
	events := make(chan pcsc.Event)
	p := openPage(t, serve(t, setup{cards: cards, person: person, session: time.Hour, desktop: watch, events: events}), listedOrigin)
	events <- present(1)
	for range 3 {
		logIn(t, p)
	}
	if asked["PIN"] != 1 || asked["consent"] != 2 {
		t.Errorf("asked %v", asked)
	}
	leave <- "locked"
	<-cards.locked
	logIn(t, p)
	if asked["PIN"] != 2 || asked["consent"] != 2 {
		t.Errorf("after the screen was locked: %v", asked)
	}
	events <- empty(2)
	<-cards.locked
	events <- present(3)
	for { // the page is told that its card left
		if a := p.read(); a.Method == "card" {
			break
		}
	}
	logIn(t, p)
	if asked["PIN"] != 3 || asked["consent"] != 2 {
		t.Errorf("after the card was removed: %v", asked)
	}
}

func TestPINSessionTimeIsUp(t *testing.T) {
	cards, person, asked := kept(t)
	watch, _ := listening()
	p := openPage(t, serve(t, setup{cards: cards, person: person, session: 50 * time.Millisecond, desktop: watch}), listedOrigin)
	logIn(t, p)
	<-cards.locked
	logIn(t, p)
	if asked["PIN"] != 2 {
		t.Errorf("asked %v", asked)
	}
}

func TestPINSessionRefused(t *testing.T) {
	cards, person, _ := kept(t)
	watch, _ := listening()
	person.confirm = func(context.Context, prompt.Caller, prompt.Holder) error { return prompt.ErrCancelled }
	p := openPage(t, serve(t, setup{cards: cards, person: person, session: time.Hour, desktop: watch}), listedOrigin)
	logIn(t, p)
	p.authenticate(2)
	want(t, p.answer(), CodeConsentDenied)
}

// Without the setting, or where nothing tells when the person leaves, the PIN is
// asked each time.
func TestNoPINSession(t *testing.T) {
	watch, _ := listening()
	deaf := func(context.Context, func(string)) error { return desktop.ErrCannotTell }
	for name, o := range map[string]setup{"no setting": {desktop: watch}, "a desktop that does not tell": {desktop: deaf, session: time.Hour}} {
		t.Run(name, func(t *testing.T) {
			cards, person, asked := kept(t)
			sign := cards.sign
			cards.sign = func(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error) {
				if r.OpenCardSession {
					t.Error("the card is asked to stay open")
				}
				return sign(ctx, r)
			}
			o.cards, o.person = cards, person
			p := openPage(t, serve(t, o), listedOrigin)
			logIn(t, p)
			logIn(t, p)
			if asked["PIN"] != 2 || asked["consent"] != 0 {
				t.Errorf("asked %v", asked)
			}
		})
	}
}

// A login whose process ended: the person is asked anew, and told why; nothing
// is sent a second time by itself.
func TestOutcomeUnknown(t *testing.T) {
	cards, person := oneCard(t)
	good, signed := cards.sign, 0
	cards.sign = func(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error) {
		signed++
		s, err := good(ctx, r)
		if signed == 1 {
			return pkcs11.Signature{}, errors.Join(pkcs11.ErrModuleFailed, pkcs11.ErrOutcomeUnknown)
		}
		return s, err
	}
	var dialogs []prompt.PIN
	person.pin = func(_ context.Context, d prompt.PIN) ([]byte, error) {
		dialogs = append(dialogs, d)
		return []byte("1234"), nil
	}
	logIn(t, openPage(t, serve(t, setup{cards: cards, person: person}), listedOrigin))
	if len(dialogs) != 2 || dialogs[0].Unsure || !dialogs[1].Unsure || dialogs[1].WrongPIN {
		t.Errorf("dialogs %+v", dialogs)
	}
}

// The choice follows the holder's card through its renewal, and nobody else's.
func TestChoiceFollowsTheHolder(t *testing.T) {
	old, _ := holder(t, 1)
	renewed, _ := holder(t, 1)
	other, _ := holder(t, 2)
	chosen := ChosenOf(old)
	expired := renewed
	expired.Reason = pkcs11.Expired
	for name, c := range map[string]struct {
		list []pkcs11.Certificate
		want string
	}{
		"the very one":      {[]pkcs11.Certificate{other, old}, old.ID},
		"before a renewed":  {[]pkcs11.Certificate{renewed, old}, old.ID},
		"renewed":           {[]pkcs11.Certificate{other, renewed}, renewed.ID},
		"another's":         {[]pkcs11.Certificate{other}, ""},
		"two of the holder": {[]pkcs11.Certificate{renewed, renewed}, ""},
		"one that expired":  {[]pkcs11.Certificate{expired}, ""},
		"none":              {nil, ""},
	} {
		if got, ok := chosen.Among(pkcs11.Snapshot{Certificates: c.list}); got.ID != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, %v", name, got.ID, ok)
		}
	}
	if _, ok := (Chosen{}).Among(pkcs11.Snapshot{Certificates: []pkcs11.Certificate{old}}); ok {
		t.Error("nothing was chosen, and one is")
	}
	kind := chosen
	kind.Kind = "CPE"
	if _, ok := kind.Among(pkcs11.Snapshot{Certificates: []pkcs11.Certificate{renewed}}); ok {
		t.Error("another kind of card is taken for it")
	}
	c := NewChoice(t.TempDir())
	if err := c.Set(chosen); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Get(); err != nil || got != chosen {
		t.Errorf("%+v, %v", got, err)
	}
}

// The test certificates end within the hour: soon enough to say so. One that
// has ended is said to have.
func TestRenewIsSaid(t *testing.T) {
	c, _ := holder(t, 1)
	if !Holder(c, French).Renew {
		t.Error("a card that ends within the hour is not said to end soon")
	}
	c.Reason = pkcs11.Expired
	if Holder(c, French).Renew {
		t.Error("an expired card is said to end soon")
	}
}
