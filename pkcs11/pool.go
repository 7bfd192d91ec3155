package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/broadcast"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// Options open a Pool.
type Options struct {
	// Modules are absolute paths; empty: the first of KnownPaths that exists.
	Modules []string
	// InitStrings are what some modules want when they are initialised, by path:
	// CK_C_INITIALIZE_ARGS.pReserved, as NSS reads it.
	InitStrings map[string]string
	Logger      *slog.Logger
	Now         func() time.Time // for the certificates' validity; default time.Now
	Limits      Limits           // zero: DefaultLimits
	// Refuse is asked each time before a module is loaded, and says why it must not be,
	// fs.ErrNotExist where it is missing; nil: none is refused.
	Refuse func(path string) error
	// TriesAfter is how long the person has been asked for a PIN when the token is
	// read again, to show how many tries there are now; default 300 ms.
	TriesAfter time.Duration
	// ByReading leaves it to the first reading to open the modules, so that Open returns at
	// once. Until then they are said to be opening.
	ByReading bool
	// Opened is called when a module that readings did not wait for is open, or does
	// not open: the cards are to be read anew. It must not wait.
	Opened func()
}

// ModuleState is a configured module and how it does.
type ModuleState struct {
	Path string
	Err  error  // why it does not work, or nil
	Info string // manufacturer, description with version, Cryptoki's version
	// Opening is set while it is being opened, and nothing is known of it.
	Opening bool
}

// Pool owns the modules. Its methods may be called concurrently.
type Pool struct {
	log     *slog.Logger
	now     func() time.Time
	open    func(ctx context.Context, path string) (driver, error)
	opened  func()
	modules []*module
	// resetCard resets the card in the reader of that name.
	resetCard func(reader string) error
	// listReaders is what PC/SC says now of all readers.
	listReaders func() ([]pcsc.Reader, error)
	// readerState is what PC/SC says of it now.
	readerState func(reader string) (pcsc.Reader, error)
	// cardIn is what it says of the card in that reader, and awaitCard returns once it
	// says that one is.
	cardIn    func(reader string) (pcsc.Card, error)
	awaitCard func(ctx context.Context, reader string) error
	pins      pinFacts
	// slept is how long the computer was suspended until now.
	slept      func() time.Duration
	triesAfter time.Duration
	pcscLimit  time.Duration
	// hangsAfter is how long a module may take to open before it is said to hang.
	hangsAfter time.Duration
	stages     broadcast.Signal // an opening is in a later stage
	life       context.Context  // until the pool is closed
	end        context.CancelFunc
	asking     chan struct{} // questions to PC/SC that wait for an answer
	observed   observed
	readings   atomic.Uint64  // so many were made
	unreadable sync.Map       // the IDs of certificates that the log has named so
	background sync.WaitGroup // what ends after the call that began it

	mu       sync.Mutex
	closed   bool
	snapshot Snapshot
	known    bool // snapshot is one
}

// module is one configured module. Each has a lease of its own, so that one that
// hangs holds nobody up but its own callers.
type module struct {
	path string
	// lease is held while the module is called, and never while a person is
	// asked. A channel, so that waiting for it ends with a context.
	lease chan struct{}

	// With the lease held.
	driver      driver // nil until it opened, and after its process ended
	failures    int    // in a row
	opened      time.Time
	retry       time.Time
	hungOn      basis // what PC/SC had said when it was found to hang
	cardSession *cardSession
	repeatable  *reading // as it was made, of which only the module can say that it holds

	mu            sync.Mutex
	reading       *reading // the last, or nil
	older         bool     // Current made none since, because a card session stood
	opening       *opening // that runs, or nil
	staleCache    *staleCache
	state         ModuleState
	cardSessionOf string // its certificate, for who must not wait
}

// Open opens the modules, each in a process of its own: see RunChildRole. A
// module that does not work is no error: Modules says so, and each List tries
// it again. Where Options say so it leaves that to the first reading. One that opens slowly or hangs is waited for a while, and opened behind
// the scenes.
func Open(ctx context.Context, o Options) (*Pool, error) {
	limits := o.Limits
	if limits == (Limits{}) {
		limits = DefaultLimits()
	}
	return openWith(ctx, o, limits.Other, func(ctx context.Context, path string) (driver, error) {
		return startModule(ctx, path, o.InitStrings[path], limits)
	})
}

// open is Open with drivers that do not hang.
func open(ctx context.Context, o Options, driverOf func(string) (driver, error)) (*Pool, error) {
	return openWith(ctx, o, DefaultLimits().Other, func(_ context.Context, path string) (driver, error) { return driverOf(path) })
}

func openWith(ctx context.Context, o Options, hangsAfter time.Duration, driverOf func(context.Context, string) (driver, error)) (*Pool, error) {
	p := &Pool{log: o.Logger, now: o.Now, open: driverOf, opened: o.Opened, hangsAfter: hangsAfter, resetCard: pcsc.ResetCard, listReaders: pcsc.Now, readerState: pcsc.State, cardIn: pcsc.CardIn, awaitCard: pcsc.AwaitCard, slept: sleptFor, triesAfter: o.TriesAfter,
		pcscLimit: pcscLimit, asking: make(chan struct{}, pcscPending)}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.opened == nil {
		p.opened = func() {}
	}
	p.life, p.end = context.WithCancel(context.WithoutCancel(ctx))
	if p.triesAfter == 0 {
		p.triesAfter = defaultTriesAfter
	}
	if o.Refuse != nil {
		p.open = func(ctx context.Context, path string) (driver, error) {
			switch why := o.Refuse(path); {
			case errors.Is(why, fs.ErrNotExist):
				return nil, notLoaded(path, ErrNoModule, systemsWord(why))
			case why != nil:
				return nil, notLoaded(path, ErrUntrusted, why.Error())
			}
			return driverOf(ctx, path)
		}
	}
	paths := o.Modules
	if len(paths) == 0 {
		paths = DefaultModules()
	}
	for _, path := range paths {
		p.modules = append(p.modules, &module{path: path, lease: make(chan struct{}, 1), state: ModuleState{Path: path, Opening: o.ByReading}})
	}
	if o.ByReading {
		return p, nil
	}
	_, _, err := p.attend(ctx, p.modules, func(m *module) *reading { _ = p.ready(m); return nil }, func(attended) {}, func() bool { return true })
	return p, err
}

// DefaultModules are the modules where the settings name none: the first of
// KnownPaths that exists, else one for another architecture, which says so.
func DefaultModules() []string {
	for _, path := range append(KnownPaths(), foreignPaths()...) {
		if _, err := os.Stat(path); err == nil {
			return []string{path}
		}
	}
	return nil
}

const defaultTriesAfter = 300 * time.Millisecond

var errClosed = errors.New("pkcs11: the pool is closed")

// acquire waits for the lease of a module.
func (p *Pool) acquire(ctx context.Context, m *module) error {
	select {
	case m.lease <- struct{}{}:
		p.mu.Lock()
		closed := p.closed
		p.mu.Unlock()
		if closed {
			<-m.lease
			return errClosed
		}
		p.setAside(m)
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// release ends a lease. A module whose process has ended is set aside.
func (p *Pool) release(m *module) {
	p.setAside(m)
	<-m.lease
}

// setAside closes a module whose process has ended, by a call or between two.
// With the lease held.
func (p *Pool) setAside(m *module) {
	if m.driver != nil && m.driver.Gone() {
		_ = m.driver.Close()
		m.driver = nil
		m.setReading(nil)
		m.setCardSession(nil)
		m.failed(p.now())
		p.log.Warn("the module's process ended", "path", m.path, "failures", m.failures, audit.Module)
	}
}

// each runs f for the modules at once, each under its lease, and waits for all
// or for ctx. What is not waited for runs to its end.
func (p *Pool) each(ctx context.Context, modules []*module, f func(*module)) error {
	done := make(chan error, len(modules))
	for _, m := range modules {
		go func() {
			err := p.acquire(ctx, m)
			if err == nil {
				func() { defer p.release(m); f(m) }()
			}
			done <- err
		}()
	}
	var errs []error
	for range modules {
		select {
		case err := <-done:
			errs = append(errs, err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return errors.Join(errs...)
}

// A module whose process ended is started again at once the first time, then
// after pauses that grow: one that crashes at every call must not keep the
// machine busy.
const (
	firstRestart = 500 * time.Millisecond
	lastRestart  = 30 * time.Second
)

func (m *module) failed(now time.Time) {
	if m.failures++; m.failures > 1 {
		m.retry = now.Add(min(lastRestart, firstRestart<<min(m.failures-2, 10)))
	}
}

// worked forgets the failures.
func (m *module) worked() { m.failures, m.retry, m.hungOn = 0, time.Time{}, basis{} }

// ready opens the module where it is not open. With the lease held.
func (p *Pool) ready(m *module) error {
	if m.driver != nil {
		return nil
	}
	m.mu.Lock()
	before := m.state.Err
	m.mu.Unlock()
	if p.now().Before(m.retry) && !p.readersChangedSince(m) {
		e := &Error{Op: "the module's process ended, and is started again later", Path: m.path, Kind: ErrModuleFailed}
		if errors.Is(before, ErrModuleHangs) {
			return fmt.Errorf("%w: %w", e, before)
		}
		return e
	}
	b := p.basis()
	opened, info, err := p.openModule(m)
	for errors.Is(err, errOpenAnew) { // whoever waits for the module, a login perhaps, need not know
		b = p.basis()
		opened, info, err = p.openModule(m)
	}
	if err == nil {
		m.driver, m.opened = opened, p.now()
		p.log.Info("module opened", "path", m.path, "info", info, audit.Module)
	} else {
		if errors.Is(err, ErrModuleFailed) {
			m.failed(p.now())
		}
		if errors.Is(err, ErrModuleHangs) {
			// A pause at once: each try may cost its caller the whole limit.
			m.retry, m.hungOn = p.now().Add(p.hangsAfter), b
		}
		if before == nil && p.life.Err() == nil {
			p.log.Warn("module does not work", "path", m.path, "trusted", !errors.Is(err, ErrUntrusted), "error", err, audit.Module)
		}
	}
	m.mu.Lock()
	first := m.state.Opening
	m.state = ModuleState{Path: m.path, Err: err, Info: info}
	m.mu.Unlock()
	if first { // which an opening's end says of all others
		p.stages.Publish()
	}
	return err
}

// readersChangedSince reports that a reader or the service came or went since the
// module was found to hang: it may be what it waited for. With the lease held.
func (p *Pool) readersChangedSince(m *module) bool {
	now := p.basis()
	return m.hungOn.known && now.known && !m.hungOn.same(now)
}

func describe(d driver) (string, error) {
	info, err := d.Info()
	if err != nil {
		return "", err
	}
	library := fmt.Sprintf("%s %d.%d", trim(info.LibraryDescription), info.LibraryVersion.Major, info.LibraryVersion.Minor)
	return trim(info.ManufacturerID) + ", " + library + ", Cryptoki " + version(info.CryptokiVersion), nil
}

// Modules never waits for a module.
func (p *Pool) Modules() []ModuleState {
	states := make([]ModuleState, len(p.modules))
	for i, m := range p.modules {
		states[i] = p.stateNow(m)
	}
	return states
}

// Snapshot is the last reading; false before the first. It never waits.
func (p *Pool) Snapshot() (Snapshot, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.snapshot, p.known
}

// Restart closes the modules, after what runs in them, and lets the next reading
// open them anew: after a restart of the PC/SC service the vendor's module
// knows no reader until it is initialised again. One that is being opened is opened
// anew too: it may wait for what is gone.
func (p *Pool) Restart(ctx context.Context) error {
	for _, m := range p.modules {
		m.abortOpening()
	}
	return p.each(ctx, p.modules, func(m *module) {
		p.reopen(m)
		m.worked()
	})
}

// later runs f beside its caller; Close waits for it.
func (p *Pool) later(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.background.Go(f)
	}
}

// Close ends the modules, after what runs in them.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.end() // an opening that hangs
	errs := make(chan error, len(p.modules))
	for _, m := range p.modules {
		go func() {
			m.lease <- struct{}{}
			defer func() { <-m.lease }()
			var err error
			if m.driver != nil {
				p.lock(m)
				m.setReading(nil)
				err = m.driver.Close()
				m.driver = nil
			}
			errs <- err
		}()
	}
	var all []error
	for range p.modules {
		all = append(all, <-errs)
	}
	p.background.Wait()
	return errors.Join(all...)
}

func version(v p11.Version) string {
	return string('0'+rune(v.Major%10)) + "." + string('0'+rune(v.Minor/10%10)) + string('0'+rune(v.Minor%10))
}
