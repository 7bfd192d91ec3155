package login

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// TestRememberedWhileTheListChanges: a remembered site that waits while another program
// changes the list is no stranger when its turn comes, so that no pause of theirs holds it.
func TestRememberedWhileTheListChanges(t *testing.T) {
	r := newRefusing(t, "[origins]\nmode = \"ask\"\n", true)
	const portal = "https://portail.autre.example"
	if _, err := r.store.Add(t.Context(), portal); err != nil {
		t.Fatal(err)
	}
	if code := r.code(portal); code != 0 {
		t.Fatalf("code %d", code)
	}
	for range mostUnknown {
		r.queue.worn(newAsker("https://x.example.org", false))
	}
	if r.queue.unknownRest() == 0 {
		t.Fatal("nobody is paused")
	}
	if err := r.queue.acquire(t.Context(), newAsker(portal, true)); err != nil {
		t.Fatal(err)
	}
	code := make(chan int, 1)
	go func() { code <- r.code(portal) }()
	queued := func() bool {
		r.queue.mu.Lock()
		defer r.queue.mu.Unlock()
		return len(r.queue.waiters) == 1
	}
	for !queued() {
		time.Sleep(time.Millisecond)
	}
	if _, err := r.store.Add(t.Context(), "https://troisieme.example"); err != nil {
		t.Fatal(err)
	}
	r.queue.release()
	if got := testdesktop.Await(t, code); got != 0 {
		t.Errorf("the remembered portal got %d", got)
	}
}

// TestOtherDialogsWearToo: a dialog that asks for a card and is left alone counts, and so
// does a refusal on a reader's own keys.
func TestOtherDialogsWearToo(t *testing.T) {
	for name, prepare := range map[string]func(w *worn){
		"no card is put in": func(w *worn) {
			person := w.Prompter.(fakes.Person)
			person.OnInsert = func(ctx context.Context, _ bool) error { return fakes.DoNothing(ctx) }
			w.Prompter = person
			w.Signer.(*fakes.Pool).Set(pkcs11.Snapshot{Slots: []pkcs11.Slot{fakes.EmptySlot}})
		},
		"refused on the PIN pad": func(w *worn) {
			w.Signer.(*fakes.Pool).Signing = func(context.Context, pkcs11.Request) (pkcs11.Signature, error) {
				return pkcs11.Signature{}, pkcs11.ErrCancelled
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorn(t, Limits{Insert: 10 * time.Millisecond})
			prepare(w)
			for i := range mostWornAllowed + 1 {
				wire := <-w.asks(listedOrigin).answer
				if busy := wire.Code == protocol.CodeBusy; busy != (i == mostWornAllowed) {
					t.Fatalf("request %d: %d", i+1, wire.Code)
				}
			}
		})
	}
}

// TestNeverWithdrawnWhileLocked: what was always allowed of a domain is forgotten by
// "never", also where the list could not be read then; taking "never" back does not
// bring it back.
func TestNeverWithdrawnWhileLocked(t *testing.T) {
	k := testdesktop.NewKeyring(t, "")
	k.Use()
	store := sites.New(sites.Options{Dir: t.TempDir()})
	if _, err := store.Add(t.Context(), hostileOrigin); err != nil {
		t.Fatal(err)
	}
	k.Lock()
	asked := make(chan string, 10)
	answers := make(chan error, 10)
	o := setup{settings: "[origins]\nmode = \"ask\"\n", sites: store, limits: Limits{Sites: testdesktop.Patience, Keyring: time.Millisecond}}
	o.pool, o.person = fakes.OneCard(t)
	o.person.OnConsent = func(_ context.Context, c prompt.Caller) error { asked <- c.Origin; return <-answers }
	o.person.OnAlways = func(context.Context, prompt.Caller) error { return prompt.ErrCancelled }
	r := &refusing{t: t, Service: serve(t, o)}
	answers <- prompt.ErrNever
	if code := r.code(hostileOrigin); code != protocol.CodeConsentDenied {
		t.Fatalf("never: %d", code)
	}
	<-asked
	if err := r.Forget(hostileDomain); err != nil && !errors.Is(err, sites.ErrLocked) { // which is no more than said: it holds
		t.Fatal(err)
	}
	k.Unlock()
	answers <- prompt.ErrCancelled
	if code := r.code(hostileOrigin); code != protocol.CodeConsentDenied || len(asked) != 1 {
		t.Errorf("after it was taken back: %d, %d dialogs", code, len(asked))
	}
}
