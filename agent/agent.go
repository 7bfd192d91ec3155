package agent

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/desktop"
	"github.com/cpx-bridge/cpx-bridge/agent/gate"
	"github.com/cpx-bridge/cpx-bridge/agent/journal"
	"github.com/cpx-bridge/cpx-bridge/agent/login"
	"github.com/cpx-bridge/cpx-bridge/agent/peer"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/agent/statewindow"
	"github.com/cpx-bridge/cpx-bridge/internal/broadcast"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/internal/programfile"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// Pool is what the agent needs of package pkcs11; *pkcs11.Pool is one.
type Pool interface {
	cards.Pool
	login.Signer
}

// Options make a Server. Policy, Pool, Prompter and Logger are required.
type Options struct {
	Policy   *policy.Effective
	Pool     Pool
	Prompter prompt.Prompter
	Choice   *cards.Choice    // which certificate the next login uses; nil: never remembered
	Sites    *sites.Store     // the sites that are always allowed; nil: never remembered
	Language *language.Choice // the language that the person chose; nil: never remembered
	Logger   *slog.Logger
	Version  string
	Journal  *journal.Log // where the log is written, for people to read; nil: nowhere
	// Diagnose examines the workstation, in some seconds or as long as its time limits; nil:
	// there is the state only.
	Diagnose func(ctx context.Context, lang string) (Diagnosis, error)
	// Nameless leaves out of a text who sits here and where they log in, for whoever it is
	// copied to; nil: the window of the state has no such text.
	Nameless func(text string) string
	// InSystemLog says that the log's lines go to the system's own log too.
	InSystemLog bool
	// Program is this program's file, which an upgrade may replace; nil: nobody notices.
	Program *programfile.File
	// Startable returns a *state.RestartError where the program that is there now would not
	// serve in this one's stead; nil: it would.
	Startable func(ctx context.Context) error
	// Restart ends this agent so that the program that is there now follows it, and returns
	// at once; nil: it cannot be.
	Restart func()
	// Certificate is for wss, where the settings switch it on; nil: none.
	Certificate gate.LocalCertificate
	// Owner looks up who owns a connection; default peer.Owner.
	Owner func(local, remote netip.AddrPort) (peer.Identity, error)
	// Watch follows the readers; default pcsc.Watch.
	Watch func(ctx context.Context, changed func(pcsc.Event))
	// Desktop reports what becomes of the desktop session; default desktop.Watch.
	Desktop func(ctx context.Context, on func(desktop.Event)) error
	// SessionEnds is called when the desktop session ends, or the system wants this program
	// to end, which it may do by force as soon as SessionEnds returns; nil: nobody cares.
	SessionEnds func(why string)
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Limits are the time limits; the zero value is the protocol's.
	Limits Limits
}

// Limits are the time limits of the packages that the server is made of. Zero fields
// take their defaults.
type Limits struct {
	Login    login.Limits
	Cards    cards.Limits
	Header   time.Duration // a connection may wait so long with its request
	Shutdown time.Duration // the end waits so long for a card
}

const defaultShutdown = 2 * time.Second

// Server serves pages on loopback.
type Server struct {
	options Options
	inForce atomic.Pointer[policy.Effective] // Options.Policy is what it begins with
	// settingsErr is why what the settings say now is not taken.
	settingsErr atomic.Pointer[error]
	language    *currentLanguage
	gate        *gate.Gate
	cards       *cards.Cards
	login       *login.Service
	window      *statewindow.Window
	diagnosis   *statewindow.Window
	log         *statewindow.Window
	restart     *statewindow.Window
	restartErr  atomic.Pointer[state.RestartError] // which that window shows
	restarting  sync.Mutex                         // who asks for a restart, one after the other
	followed    bool                               // another program follows this one
	replaced    atomic.Pointer[state.Replaced]
	changes     broadcast.Signal

	pages         pages
	authenticated authenticated
}

// New makes a server and takes its port, so that a second agent on the machine
// takes the next. It fails with the errors of peer.Check where nobody can tell who
// connects, and with gate.ErrNoPort.
func New(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Desktop == nil {
		o.Desktop = desktop.Watch
	}
	if o.SessionEnds == nil {
		o.SessionEnds = func(string) {}
	}
	if o.Limits.Shutdown == 0 {
		o.Limits.Shutdown = defaultShutdown
	}
	s := &Server{options: o}
	s.inForce.Store(o.Policy)
	s.language = newLanguage(o)
	s.window = statewindow.New(s.showState, o.Now)
	s.diagnosis, s.log = statewindow.New(s.showDiagnosis, o.Now), statewindow.New(s.showLog, o.Now)
	s.restart = statewindow.New(s.showRestartFailure, o.Now)
	s.cards = cards.New(cards.Options{
		Pool: o.Pool, Choice: o.Choice, Logger: o.Logger, Limits: o.Limits.Cards, Now: o.Now, Watch: o.Watch,
		Changed: s.changes.Publish, Removed: s.pages.cardsRemoved, SessionCardRemoved: s.sessionCardRemoved,
	})
	s.login = login.New(login.Options{
		Policy: o.Policy, Cards: s.cards, Signer: o.Pool, Prompter: o.Prompter, Sites: o.Sites, Logger: o.Logger,
		Limits: o.Limits.Login, Now: o.Now, AppVersion: appVersion(o.Version), Changes: &s.changes,
	})
	var err error
	s.gate, err = gate.New(gate.Options{
		Policy: o.Policy, Logger: o.Logger, Page: s.newPage, Allowed: s.login.Allowed, Subprotocol: protocol.Subprotocol, Path: protocol.Path,
		Owner: o.Owner, Header: o.Limits.Header, Now: o.Now,
		Certificate: o.Certificate, Changes: s.changes.Listen, Changed: s.changes.Publish,
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// appVersion names the agent in a token: a URL, as the Web eID format wants it,
// that leads nowhere.
func appVersion(version string) string { return "https://cpx-bridge.invalid/cpx-agent/" + version }

// Port is the port the server listens on, on 127.0.0.1 and ::1.
func (s *Server) Port() int { return s.gate.Port() }

// WSSPort is the port of the encrypted socket, 0 where it is not served.
func (s *Server) WSSPort() int { return s.gate.WSSPort() }

// Serve answers pages until ctx ends. Running logins end with it. An error is that
// no page can be heard any more.
func (s *Server) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.login.Start(ctx, s.watchDesktop(ctx))
	var running sync.WaitGroup
	running.Go(func() { s.cards.Run(ctx) })
	running.Go(func() { s.login.Run(ctx) })
	running.Go(func() { s.watchState(ctx) })
	running.Go(func() { s.watchJournal(ctx) })
	running.Go(func() { s.watchProgram(ctx) })
	err := s.gate.Serve(ctx)
	cancel()
	for _, w := range []*statewindow.Window{s.window, s.diagnosis, s.log, s.restart} {
		w.End() // before what may wait for the keyring
	}
	running.Wait()
	s.cards.Wait(s.options.Limits.Shutdown)
	return err
}

// sessionCardRemoved does not wait for the module, which may be at work.
func (s *Server) sessionCardRemoved() {
	go func() { _ = s.login.Lock(context.Background(), "the card was removed") }()
}
