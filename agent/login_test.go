package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/login"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// The queue's own limits, which pages rely on.
const mostWorn, mostWornAllowed, mostWaiters = 3, 10, 8

const askSettings = "[origins]\nmode = \"ask\"\nallow = [\"" + listedOrigin + "\"]\n"

func TestLogin(t *testing.T) {
	pool, person := fakes.OneCard(t)
	p := openPage(t, serve(t, setup{pool: pool, person: person}), listedOrigin)
	p.authenticate(1)
	if a := p.answer(); a.Error != nil || a.Result["format"] != "web-eid:1.0" || a.Result["algorithm"] != "ES256" {
		t.Fatalf("%+v %+v", a.Result, a.Error)
	}
	id := pool.Cards.Certificates[0].ID
	p.send(`{"jsonrpc":"2.0","id":"w","method":"watch","params":{"certificate":"` + id + `"}}`)
	if a := p.answer(); a.Result["present"] != true {
		t.Errorf("watch: %+v %+v", a.Result, a.Error)
	}
}

// TestConsentComesFirst: in ask mode nothing is read before the person
// agreed, and what the dialog names is the handshake's origin.
func TestConsentComesFirst(t *testing.T) {
	pool, person := fakes.OneCard(t)
	var named atomic.Value
	before := make(chan int, 1)
	person.OnConsent = func(_ context.Context, c prompt.Caller) error {
		named.Store(c.Origin)
		before <- pool.Reads()
		return nil
	}
	pool.First = make(chan struct{})
	s := serve(t, setup{settings: askSettings, pool: pool, person: person})
	<-pool.First
	atStart := pool.Reads()
	p := openPage(t, s, otherOrigin)
	p.send(`{"jsonrpc":"2.0","id":1,"method":"status"}`)
	if a := p.answer(); len(a.Result) != 1 || a.Result["protocol"] != 1.0 {
		t.Errorf("a stranger learns %v", a.Result)
	}
	p.authenticate(2)
	p.progress(protocol.AskingConsent)
	if a := p.answer(); a.Error != nil {
		t.Fatal(a.Error)
	}
	if n := <-before; n != atStart {
		t.Errorf("the cards were looked at before the consent")
	}
	if named.Load() != otherOrigin {
		t.Errorf("the dialog named %v", named.Load())
	}
}

func TestConsentDenied(t *testing.T) {
	pool, person := fakes.OneCard(t)
	person.OnConsent = func(context.Context, prompt.Caller) error { return prompt.ErrCancelled }
	p := openPage(t, serve(t, setup{settings: askSettings, pool: pool, person: person}), otherOrigin)
	p.authenticate(1)
	want(t, p.answer(), protocol.CodeConsentDenied)
}

// TestPINPadWithoutDialog: a PIN is typed on the reader's own keys only while a
// dialog says for which site; where none can be shown, or it dies, nothing is
// signed.
func TestPINPadWithoutDialog(t *testing.T) {
	for name, c := range map[string]struct {
		dialog error
		code   int
	}{
		"none can be shown": {fmt.Errorf("%w: TEST", prompt.ErrUnavailable), protocol.CodePromptFailed},
		"cancelled":         {prompt.ErrCancelled, protocol.CodeCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			pool, person := fakes.OneCard(t)
			pool.Cards.Certificates[0].Slot.Token.ProtectedPath = true
			pool.Signing = func(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error) {
				card := pool.Cards.Certificates[0]
				if _, err := r.PIN(ctx, pkcs11.PINRequest{Certificate: card, Token: *card.Slot.Token}); err != nil {
					return pkcs11.Signature{}, err
				}
				<-ctx.Done() // nobody types on the reader
				return pkcs11.Signature{}, context.Cause(ctx)
			}
			person.OnPIN = func(context.Context, prompt.PIN) ([]byte, error) { return nil, c.dialog }
			p := openPage(t, serve(t, setup{pool: pool, person: person}), listedOrigin)
			p.authenticate(1)
			want(t, p.answer(), c.code)
		})
	}
}

// TestPause: ten dialogs cancelled in a row pause an allowed site, and only it.
func TestPause(t *testing.T) {
	pool, person := fakes.OneCard(t)
	person.OnPIN = func(context.Context, prompt.PIN) ([]byte, error) { return nil, prompt.ErrCancelled }
	var shift atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }
	const anotherSite = "https://portail.example.org"
	s := serve(t, setup{settings: "[origins]\nallow = [\"" + listedOrigin + "\",\"" + anotherSite + "\"]\n", pool: pool, person: person, now: now})
	p := openPage(t, s, listedOrigin)
	for i := range mostWornAllowed {
		p.authenticate(i)
		want(t, p.answer(), protocol.CodeCancelled)
	}
	p.authenticate(mostWornAllowed)
	a := p.answer()
	want(t, a, protocol.CodeBusy)
	if a.Error.Data.RetryAfter < 25 || a.Error.Data.RetryAfter > 30 {
		t.Errorf("retryAfter %d", a.Error.Data.RetryAfter)
	}
	other := openPage(t, s, anotherSite)
	other.authenticate(5)
	want(t, other.answer(), protocol.CodeCancelled)
	shift.Store(int64(31 * time.Second))
	p.authenticate(6)
	want(t, p.answer(), protocol.CodeCancelled)
}

// TestPageThatComesAndGoes: a page that asks and takes it back again and again, by
// cancel or by closing its socket, is paused like one that is refused, with all that
// are not allowed.
func TestPageThatComesAndGoes(t *testing.T) {
	pool, person := fakes.OneCard(t)
	ended := make(chan struct{}, 1)
	person.OnConsent = func(ctx context.Context, _ prompt.Caller) error {
		<-ctx.Done()
		ended <- struct{}{}
		return ctx.Err()
	}
	var shift atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }
	s := serve(t, setup{settings: askSettings, pool: pool, person: person, now: now})
	standing := func() *testPage {
		p := openPage(t, s, otherOrigin)
		p.authenticate(1)
		p.progress(protocol.AskingConsent)
		return p
	}
	for i := range mostWorn {
		if p := standing(); i%2 == 1 {
			if err := p.socket.Close(); err != nil {
				t.Fatal(err)
			}
		} else { // the last one too: with its answers it is noted
			p.send(`{"jsonrpc":"2.0","id":2,"method":"cancel"}`)
			p.answer()
			p.answer()
		}
		<-ended
	}
	p := openPage(t, s, otherOrigin)
	p.authenticate(1)
	if a := p.read(); a.Error == nil || a.Error.Code != protocol.CodeBusy || a.Error.Data.RetryAfter < 270 || a.Error.Data.RetryAfter > 300 {
		t.Fatalf("%+v", a)
	}
	logIn(t, openPage(t, s, listedOrigin))
	if until := s.State().UnknownSitesPaused; !until.After(time.Now().Add(4 * time.Minute)) {
		t.Errorf("the state says that they pause until %v", until)
	}
	if !s.ResumeUnknownSites() || !s.State().UnknownSitesPaused.IsZero() {
		t.Error("the person cannot end it")
	}
	shift.Store(int64(31 * time.Second)) // the domain's own pause goes on
	standing()
}

func TestCancelAndClose(t *testing.T) {
	pool, person := fakes.OneCard(t)
	ended := make(chan error, 1)
	person.OnPIN = func(ctx context.Context, _ prompt.PIN) ([]byte, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	}
	s := serve(t, setup{pool: pool, person: person})
	p := openPage(t, s, listedOrigin)
	p.authenticate(1)
	p.progress(protocol.AskingPIN)
	p.authenticate(2) // a second on one connection
	want(t, p.answer(), protocol.CodeBusy)
	p.send(`{"jsonrpc":"2.0","id":3,"method":"cancel"}`)
	got := map[string]testAnswer{}
	for range 2 {
		a := p.answer()
		got[string(a.ID)] = a
	}
	want(t, got["1"], protocol.CodeCancelled)
	if got["3"].Error != nil {
		t.Error(got["3"].Error)
	}
	<-ended
	p.authenticate(4)
	p.progress(protocol.AskingPIN)
	_ = p.socket.Close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the dialog ended with %v", err)
	}
}

func TestTimeLimits(t *testing.T) {
	pool, person := fakes.OneCard(t)
	person.OnPIN = func(ctx context.Context, _ prompt.PIN) ([]byte, error) { return nil, fakes.DoNothing(ctx) }
	t.Run("dialog", func(t *testing.T) {
		p := openPage(t, serve(t, setup{pool: pool, person: person, limits: Limits{Login: login.Limits{Dialog: 20 * time.Millisecond}}}), listedOrigin)
		p.authenticate(1)
		want(t, p.answer(), protocol.CodeTimeout)
	})
	t.Run("request", func(t *testing.T) {
		p := openPage(t, serve(t, setup{pool: pool, person: person, limits: Limits{Login: login.Limits{Request: 20 * time.Millisecond}}}), listedOrigin)
		p.authenticate(1)
		want(t, p.answer(), protocol.CodeTimeout)
	})
	t.Run("queue", func(t *testing.T) {
		s := serve(t, setup{pool: pool, person: person, limits: Limits{Login: login.Limits{Queue: 20 * time.Millisecond}}})
		first, second := openPage(t, s, listedOrigin), openPage(t, s, listedOrigin)
		first.authenticate(1)
		first.progress(protocol.AskingPIN)
		second.authenticate(1)
		want(t, second.answer(), protocol.CodeBusy)
	})
}

// TestQueue: eight may wait, the ninth is refused at once; the person's refusal
// ends all that wait for the same origin.
func TestQueue(t *testing.T) {
	pool, person := fakes.OneCard(t)
	refuse := make(chan struct{})
	person.OnPIN = func(ctx context.Context, _ prompt.PIN) ([]byte, error) {
		<-refuse
		return nil, prompt.ErrCancelled
	}
	s := serve(t, setup{pool: pool, person: person})
	first := openPage(t, s, listedOrigin)
	first.authenticate(1)
	first.progress(protocol.AskingPIN)
	pages := make([]*testPage, mostWaiters+1)
	answers := make(chan testAnswer, len(pages))
	for i := range pages {
		pages[i] = openPage(t, s, listedOrigin)
		pages[i].authenticate(1)
		go func() { answers <- pages[i].answer() }()
	}
	want(t, <-answers, protocol.CodeBusy) // one of them, whichever came last
	close(refuse)
	want(t, first.answer(), protocol.CodeCancelled)
	for range mostWaiters {
		want(t, <-answers, protocol.CodeCancelled)
	}
}

func TestChoosing(t *testing.T) {
	one, _ := fakes.Certificate(t, 1)
	two, key := fakes.Certificate(t, 2)
	snapshot := pkcs11.Snapshot{Slots: []pkcs11.Slot{one.Slot, two.Slot}, Certificates: []pkcs11.Certificate{one, two}}
	var listed atomic.Int32
	person := fakes.Person{
		OnPIN: func(context.Context, prompt.PIN) ([]byte, error) { return []byte("1234"), nil },
		OnChoose: func(_ context.Context, h []prompt.Holder) (int, error) {
			listed.Add(1)
			if len(h) != 2 || !strings.Contains(h[1].Name, "TEST") {
				t.Errorf("the list shows %+v", h)
			}
			return 1, nil
		},
	}
	choice := cards.NewChoice(t.TempDir())
	s := serve(t, setup{pool: &fakes.Pool{Cards: snapshot, Signing: fakes.Signer(two, key)}, person: person, choice: choice})
	p := openPage(t, s, listedOrigin)
	p.authenticate(1)
	p.progress(protocol.ChoosingCertificate)
	if a := p.answer(); a.Error != nil {
		t.Fatal(a.Error)
	}
	// Chosen beforehand, in another process as it were: no list.
	if err := choice.Set(cards.Chosen{Certificate: two.ID}); err != nil {
		t.Fatal(err)
	}
	p.authenticate(2)
	if a := p.answer(); a.Error != nil {
		t.Fatal(a.Error)
	}
	if listed.Load() != 1 {
		t.Errorf("the list was shown %d times, want 1", listed.Load())
	}
}

// TestWrongPIN: a wrong entry is asked anew, once for each entry, and whoever
// then stops gets pin_incorrect with the tries left.
func TestWrongPIN(t *testing.T) {
	pool, person := fakes.OneCard(t)
	var dialogs []prompt.PIN
	person.OnPIN = func(_ context.Context, d prompt.PIN) ([]byte, error) {
		dialogs = append(dialogs, d)
		if len(dialogs) == 2 {
			return nil, prompt.ErrCancelled
		}
		return []byte("9999"), nil
	}
	tries := 0
	good := pool.Signing
	pool.Signing = func(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error) {
		s, err := good(ctx, r)
		if errors.Is(err, pkcs11.ErrPINIncorrect) {
			tries++
			err = errors.Join(err, &pkcs11.PINError{FinalTry: true})
		}
		return s, err
	}
	p := openPage(t, serve(t, setup{pool: pool, person: person}), listedOrigin)
	p.authenticate(1)
	a := p.answer()
	want(t, a, protocol.CodePINIncorrect)
	if a.Error.Data.TriesLeft == nil || *a.Error.Data.TriesLeft != 1 {
		t.Errorf("tries left: %v", a.Error.Data.TriesLeft)
	}
	if tries != 1 || len(dialogs) != 2 || dialogs[0].WrongPIN || !dialogs[1].WrongPIN {
		t.Errorf("%d tries, dialogs %+v", tries, dialogs)
	}
}

// TestCardErrors: every typed error of the card has its code.
func TestCardErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{
		{pkcs11.ErrPINLocked, protocol.CodePINLocked},
		{pkcs11.ErrPINNotSet, protocol.CodePINNotSet},
		{pkcs11.ErrPINExpired, protocol.CodePINNotSet},
		{pkcs11.ErrCardRemoved, protocol.CodeCardRemoved},
		{pkcs11.ErrCardChanged, protocol.CodeCardChanged},
		{pkcs11.ErrUnsupported, protocol.CodeNoCertificate},
		{pkcs11.ErrUnusable, protocol.CodeNoCertificate},
		{pkcs11.ErrNoKey, protocol.CodeNoCertificate},
		{pkcs11.ErrKeyWithoutPIN, protocol.CodeNoCertificate},
		{pkcs11.ErrModuleFailed, protocol.CodeModuleFailed},
		{pkcs11.ErrModuleHangs, protocol.CodeModuleFailed}, {pkcs11.ErrStaleCache, protocol.CodeModuleFailed},
		{pkcs11.ErrNoModule, protocol.CodeNoModule}, {pkcs11.ErrNotPKCS11, protocol.CodeNoModule}, {pkcs11.ErrMissingDependency, protocol.CodeNoModule},
		{pkcs11.ErrWrongArchitecture, protocol.CodeNoModule}, {pkcs11.ErrNotLoadable, protocol.CodeNoModule},
		{prompt.ErrUnavailable, protocol.CodePromptFailed},
		{prompt.ErrTimeout, protocol.CodeTimeout},
	} {
		pool, person := fakes.OneCard(t)
		pool.Signing = func(context.Context, pkcs11.Request) (pkcs11.Signature, error) {
			return pkcs11.Signature{}, c.err
		}
		p := openPage(t, serve(t, setup{pool: pool, person: person}), listedOrigin)
		p.authenticate(1)
		want(t, p.answer(), c.code)
	}
}

// TestPanic: one page's login that panics never ends the agent.
func TestPanic(t *testing.T) {
	pool, person := fakes.OneCard(t)
	pool.Signing = func(context.Context, pkcs11.Request) (pkcs11.Signature, error) { panic("played") }
	p := openPage(t, serve(t, setup{pool: pool, person: person}), listedOrigin)
	p.authenticate(1)
	if a := p.answer(); a.Error == nil || a.Error.Code != protocol.CodeInternal {
		t.Errorf("%+v", a)
	}
	p.authenticate(2)
	if a := p.answer(); a.Error == nil || a.Error.Code != protocol.CodeInternal {
		t.Errorf("the turn was not given back: %+v", a)
	}
}
