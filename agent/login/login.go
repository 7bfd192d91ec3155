// Package login is one login from the request to the token: it waits in the queue,
// asks for consent where the site is not allowed, takes the card and the
// certificate, asks for the PIN, and has the card sign. It also remembers the
// sites that the person always allows, and ends card sessions (pin.session).
//
// A [Service] may be used from any goroutine; one login at a time asks the person.
// It signs nothing but its own structure over the caller's origin and the portal's
// nonce, and has a PIN no longer than it takes to hand it from the dialog to the
// card. While a person is asked it holds no mutex, nor a module but for the login of
// a PIN pad. It knows neither sockets nor messages beyond the errors of package
// protocol.
package login

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/authtoken"
	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/broadcast"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// Cards is what a login needs to know of the cards; *cards.Cards is one.
type Cards interface {
	Current(ctx context.Context) (pkcs11.Snapshot, error)
	LastRead() pkcs11.Snapshot
	Refresh(ctx context.Context)

	NoReader(s pkcs11.Snapshot) bool
	Absence(s pkcs11.Snapshot) *protocol.Error
	NextReading() <-chan struct{}
	NextPoll(s pkcs11.Snapshot) <-chan time.Time

	Chosen(s pkcs11.Snapshot) (pkcs11.Certificate, bool)
	WhileNotChosen(ctx context.Context, s pkcs11.Snapshot, changes <-chan struct{}) (dialog context.Context, chosen func() (pkcs11.Certificate, bool), end func())
	WhilePresent(ctx context.Context, certificates ...pkcs11.Certificate) (dialog context.Context, end func())
}

// Signer signs with a card; *pkcs11.Pool is one.
type Signer interface {
	Sign(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error)
	HasCardSession(certificateID string) bool
	Lock(ctx context.Context) error
}

// Limits are the protocol's time limits. Zero fields take their defaults.
type Limits struct {
	Request time.Duration // a whole request, waiting in the queue not counted
	Dialog  time.Duration // each dialog
	Queue   time.Duration // waiting in the queue
	Always  time.Duration // the dialog that asks for "always"
	Sites   time.Duration // a login's wait for the list of sites
	Keyring time.Duration // before a keyring that gave no answer is asked again
	Insert  time.Duration // waiting for a card
	Pause   time.Duration // after three dialogs to no end, the first time
	PINPad  time.Duration // least time left to begin on a PIN pad
	Replace time.Duration // before a PIN dialog that does not wait for quiet takes the place of another

	LongestPause time.Duration // of a domain, to which its pauses double
	Recent       time.Duration // within which three dialogs of sites that are not allowed pause them all
	UnknownPause time.Duration // for so long
}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&l.Request, 270 * time.Second}, {&l.Dialog, 120 * time.Second}, {&l.Queue, 60 * time.Second},
		{&l.Always, 60 * time.Second}, {&l.Sites, time.Second}, {&l.Keyring, 30 * time.Second},
		{&l.Insert, 60 * time.Second}, {&l.Pause, 30 * time.Second}, {&l.PINPad, 150 * time.Second}, {&l.Replace, 2 * time.Second},
		{&l.LongestPause, 10 * time.Minute}, {&l.Recent, time.Minute}, {&l.UnknownPause, 5 * time.Minute},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return l
}

// Options make a Service. Policy, Cards, Signer, Prompter, Changes and Logger are
// required.
type Options struct {
	Policy   *policy.Effective
	Cards    Cards
	Signer   Signer
	Prompter prompt.Prompter
	Sites    *sites.Store // the sites that are always allowed; nil: never remembered
	Logger   *slog.Logger
	Limits   Limits
	Now      func() time.Time // default time.Now
	// AppVersion goes into the token: a URL, as the Web eID format wants it.
	AppVersion string
	// Changes is published when what the Service says of itself has changed, and
	// listened to for a choice of certificate made elsewhere.
	Changes *broadcast.Signal
}

// Service does logins.
type Service struct {
	Options
	inForce   atomic.Pointer[policy.Effective] // Options.Policy is what it begins with
	queue     *queue
	siteCache *siteCache
	offers    chan offer
	offered   offered
	session   cardSession
	trace     *trace
	requests  atomic.Uint64
	failures  failures
}

// New makes a Service. It remembers nothing and opens no card session until Start.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Limits = o.Limits.withDefaults()
	s := &Service{
		Options: o, offers: make(chan offer, 1), trace: &trace{log: o.Logger},
		siteCache: newSiteCache(o.Sites, o.Limits.Keyring, o.Logger, o.Changes.Publish),
	}
	s.queue = newQueue(o.Now, o.Limits, s.pauseChanged)
	s.queue.step = s.trace.step
	s.inForce.Store(o.Policy)
	s.siteCache.setOff(o.Policy.Origins.Mode == policy.ModeListed) // what is remembered does not count there
	return s
}

// Start reads what is remembered, until ctx ends. desktop is why nothing reports when the
// person leaves, or nil: see [Service.PersonLeaves]. Logins may begin when it has returned.
func (s *Service) Start(ctx context.Context, desktop error) {
	s.desktopWatched(desktop)
	s.siteCache.start(ctx)
}

// Run asks for "always" after logins and notices when pauses end, until Start's
// context ends.
func (s *Service) Run(ctx context.Context) {
	var watching sync.WaitGroup
	watching.Go(func() { s.queue.watchPauses(ctx) })
	s.makeOffers(ctx)
	watching.Wait()
	s.siteCache.wait()
}

// settings are those in force now.
func (s *Service) settings() *policy.Effective { return s.inForce.Load() }

// SetPolicy makes other settings count for logins that begin from now on. One that has
// the lease goes on under those that it began with, but for pin.session: a card does not
// stay unlocked by settings that are gone. It does not wait for the module, which may be
// at work.
func (s *Service) SetPolicy(ctx context.Context, e *policy.Effective) {
	before := s.inForce.Swap(e)
	s.siteCache.setOff(e.Origins.Mode == policy.ModeListed)
	s.endOffer()
	if before.PIN.Session > 0 && before.PIN.Session != e.PIN.Session {
		go func() { _ = s.Lock(ctx, "pin.session was changed") }()
	}
	s.Changes.Publish()
}

// Between calls do while no login runs, and none begins before it returns.
func (s *Service) Between(ctx context.Context, do func()) error {
	if err := s.queue.acquireAlone(ctx); err != nil {
		return err
	}
	defer s.queue.release()
	do()
	return nil
}

// Alone keeps logins from beginning until release is called, and reports false where one
// runs, or a question stands after one.
func (s *Service) Alone() (release func(), alone bool) {
	if !s.queue.acquireFree() {
		return nil, false
	}
	return s.queue.release, true
}

// InUse reports whether the person is being asked, or a card used, for a login.
func (s *Service) InUse() bool { return s.queue.inUse() }

// AtLogin reports whether a login needs the card now, so that no reading of it
// should begin.
func (s *Service) AtLogin() bool { return s.queue.atLogin() }

// Request is one `authenticate`.
type Request struct {
	Running *Running // of Begin; nil: Authenticate begins and ends one
	Caller  peer.Caller
	Lang    string // of the dialogs
	Nonce   string
	// Signed is called with the certificate's ID before the next login may begin;
	// it must not wait.
	Signed func(certificateID string)
	// Progress is called with each state of the login; it must not wait.
	Progress func(protocol.Progress)
}

// Authenticate waits in the queue and logs in. It returns the token and the ID of
// the certificate that signed it. When ctx ends its cause is the error; a call of
// the card that runs then runs out, and nothing is signed after it.
func (s *Service) Authenticate(ctx context.Context, r Request) (*authtoken.Token, string, *protocol.Error) {
	if r.Running == nil {
		ctx, r.Running = s.Begin(ctx)
		defer r.Running.End(true)
	}
	begun := s.Now()
	token, id, err := s.authenticate(ctx, r)
	if err != nil {
		return nil, "", s.Failed(r.Caller, begun, err)
	}
	s.logOf(r.Caller, begun).Info("login signed", "certificate", id[:8], audit.Signed)
	return token, id, nil
}

// logOf is the log of how a login ended. The program's name is there where a dialog needed
// it: a request that asks nobody costs none.
func (s *Service) logOf(c peer.Caller, begun time.Time) *slog.Logger {
	return s.Logger.With("origin", c.Origin, "allowed", s.Allowed(c.Origin), "program", c.Seen().Log(), "ms", s.Now().Sub(begun).Milliseconds())
}
