// Package agent is the bridge between a page in the browser and the card: a
// WebSocket server on the loopback addresses, the gate in front of it, the
// JSON-RPC methods, and the login itself.
//
// A [Server] may be used from any goroutine. It never signs anything but its
// own structure over the handshake's origin and the portal's nonce, never
// answers a process of another user, never listens beyond loopback, and never
// sees a PIN longer than it takes to hand it from the dialog to the card. No
// lock is held while a person is asked.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/desktop"
	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// Name is what the agent calls itself to allowed pages and in tokens.
const Name = "CPx Bridge"

// ErrNoPort says that every port of the range is taken.
var ErrNoPort = errors.New("agent: no free port in the range")

// Cards is what the agent needs of package pkcs11; *pkcs11.Pool is one.
type Cards interface {
	List(ctx context.Context) (pkcs11.Snapshot, error)
	Snapshot() (pkcs11.Snapshot, bool)
	Modules() []pkcs11.ModuleState
	Sign(ctx context.Context, r pkcs11.Request) (pkcs11.Signature, error)
	Restart(ctx context.Context) error
	HasCardSession(certificateID string) bool
	Lock(ctx context.Context) error
}

// Options make a Server. Policy, Cards, Prompter and Logger are required.
type Options struct {
	Policy   *policy.Effective
	Cards    Cards
	Prompter prompt.Prompter
	Choice   *Choice      // which certificate the next login uses; nil: never remembered
	Sites    *sites.Store // the sites that are always allowed; nil: never remembered
	// Language is the language that the person chose; nil: never remembered.
	Language *LanguageChoice
	Logger   *slog.Logger
	Version  string
	LogFile  string // where the log is kept, for people to read; "" where it is not
	// LocalCertificate is for wss, where the settings switch it on; nil: none.
	LocalCertificate LocalCertificate
	// Peer tells the owner of a connection; default peer.Owner.
	Peer func(local, remote netip.AddrPort) (peer.Identity, error)
	// Watch tells of readers and cards that come and go; default pcsc.Watch.
	Watch func(ctx context.Context, changed func(pcsc.Event))
	// Desktop tells when the person leaves; default desktop.Watch.
	Desktop func(ctx context.Context, left func(reason string)) error
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Limits are the time limits; the zero value is protocol.md's.
	Limits Limits
}

// Limits are the protocol's time limits. Zero fields take their defaults.
type Limits struct {
	Request  time.Duration // a whole request, waiting in the queue not counted
	Dialog   time.Duration // each dialog
	Queue    time.Duration // waiting for one's turn
	Always   time.Duration // the dialog that asks for "always"
	Sites    time.Duration // a login's wait for the list of sites
	Keyring  time.Duration // before a keyring that gave no answer is asked again
	Insert   time.Duration // waiting for a card
	Look     time.Duration // between two looks while a person waits, where no event tells
	Missed   time.Duration // before the first look for a card that a look has missed
	Pause    time.Duration // after three cancelled dialogs
	Stale    time.Duration // age of a snapshot that status renews
	PINPad   time.Duration // least time left to begin on a PIN pad
	Header   time.Duration // a bare connection may wait this long
	Shutdown time.Duration
}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&l.Request, 270 * time.Second}, {&l.Dialog, 120 * time.Second}, {&l.Queue, 60 * time.Second},
		{&l.Insert, 60 * time.Second}, {&l.Always, 60 * time.Second}, {&l.Sites, time.Second}, {&l.Keyring, 30 * time.Second}, {&l.Look, time.Second}, {&l.Missed, 300 * time.Millisecond}, {&l.Pause, 30 * time.Second},
		{&l.Stale, 2 * time.Second}, {&l.PINPad, 150 * time.Second},
		// A browser holds the bare connection while its own permission prompt
		// stands, four minutes in Chromium: a shorter limit breaks that login.
		{&l.Header, 260 * time.Second}, {&l.Shutdown, 2 * time.Second},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return l
}

// Server serves pages on loopback.
type Server struct {
	policy   *policy.Effective
	cards    Cards
	prompter prompt.Prompter
	choice   *Choice
	keptLang *LanguageChoice
	lang     atomic.Pointer[string]
	log      *slog.Logger
	version  string
	logFile  string
	peer     func(local, remote netip.AddrPort) (peer.Identity, error)
	watch    func(ctx context.Context, changed func(pcsc.Event))
	desktop  func(ctx context.Context, left func(reason string)) error
	now      func() time.Time
	limits   Limits

	uid        uint32
	port       int
	listeners  []net.Listener
	queue      *queue
	looks      *looks
	changes    changes
	window     window
	readers    readers
	waits      waits
	pin        pinSession
	proven     *proven
	remembered *remembered
	offers     chan offer
	bare       *bareConns
	wss        *wss

	mu    sync.Mutex
	conns map[*conn]bool
}

// New makes a server and takes its port, so that a second agent on the machine
// takes the next. It fails with peer.ErrUnsupported on a platform whose check
// of the connecting user is not written yet, and with ErrNoPort.
func New(o Options) (*Server, error) {
	s := &Server{
		policy: o.Policy, cards: o.Cards, prompter: o.Prompter, choice: o.Choice, keptLang: o.Language,
		log: o.Logger, version: o.Version, logFile: o.LogFile, peer: o.Peer, watch: o.Watch, desktop: o.Desktop, now: o.Now,
		limits: o.Limits.withDefaults(), uid: uint32(os.Getuid()), conns: map[*conn]bool{},
	}
	if s.peer == nil {
		if !peer.Supported() {
			return nil, peer.ErrUnsupported
		}
		s.peer = peer.Owner
	}
	if s.watch == nil {
		s.watch = pcsc.Watch
	}
	if s.desktop == nil {
		s.desktop = desktop.Watch
	}
	if s.now == nil {
		s.now = time.Now
	}
	lang := PersonsLanguage(o.Policy, o.Language, o.Logger)
	s.lang.Store(&lang)
	s.queue = newQueue(s.now, s.limits)
	s.looks = newLooks(o.Cards, s.now, o.Logger)
	s.proven = newProven()
	if o.Policy.Origins.Mode == policy.ModeListed {
		o.Sites = nil // what is remembered does not count there, so the keyring is left alone
	}
	s.remembered = newRemembered(o.Sites, s.limits.Keyring, o.Logger, s.changes.tell)
	s.offers = make(chan offer, 1)
	s.bare = newBareConns(maxBare)
	s.wss = newWSS(o)
	s.looks.onChange(s.cardsChanged)
	s.looks.onChange(func(pkcs11.Snapshot) { s.changes.tell() })
	var err error
	if s.listeners, s.port, err = listen(o.Policy.Ports.First, o.Policy.Ports.Count); err != nil {
		return nil, err
	}
	return s, nil
}

// Port is the port the server listens on, on 127.0.0.1 and ::1.
func (s *Server) Port() int { return s.port }

// Serve answers pages until ctx ends. Running logins end with it.
func (s *Server) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	web := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: s.limits.Header,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withIdentity,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	s.looks.onRest(func() { s.looked(ctx) })
	s.looks.refresh(ctx)
	s.startPINSession(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { s.watchReaders(ctx) })
	watching.Go(func() { s.watchState(ctx) })
	watching.Go(func() { s.serveWSS(ctx, web) })
	watching.Go(func() { s.makeOffers(ctx) })
	s.remembered.start(ctx)
	ended := make(chan error, len(s.listeners))
	for _, l := range s.listeners {
		s.log.Info("listening", "address", l.Addr().String())
		go func() { ended <- web.Serve(s.gated(ctx, l)) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	if ctx.Err() != nil {
		err = nil // the listeners end with ctx, which may be told first
	}
	cancel()
	s.closeConns()
	_ = web.Close()
	watching.Wait()
	s.window.end()
	s.looks.wait(s.limits.Shutdown)
	s.remembered.wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// listen takes the first port of the range that is free on both loopback
// addresses. Where ::1 does not exist, 127.0.0.1 alone; where it exists and is
// taken, the next port, because a browser that is told "localhost" dials ::1
// first and would meet a stranger there.
func listen(first, count int) ([]net.Listener, int, error) {
	for port := first; port < first+count; port++ {
		v4, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		v6, err := net.Listen("tcp6", fmt.Sprintf("[::1]:%d", port))
		switch {
		case err == nil:
			return []net.Listener{v4, v6}, port, nil
		case addressMissing(err):
			return []net.Listener{v4}, port, nil
		}
		_ = v4.Close()
	}
	return nil, 0, fmt.Errorf("%w: %d to %d are all taken, or refused by the system", ErrNoPort, first, first+count-1)
}
