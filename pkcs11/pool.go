package pkcs11

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	p11 "github.com/miekg/pkcs11"
)

// Options open a Pool.
type Options struct {
	// Modules are absolute paths; empty: the first of KnownPlaces that exists.
	Modules []string
	Logger  *slog.Logger
	Now     func() time.Time // for the certificates' validity; default time.Now
}

// ModuleState is a configured module and how it does.
type ModuleState struct {
	Path string
	Err  error  // why it does not work, or nil
	Info string // manufacturer, description, version
}

// Pool owns the modules. Its methods may be called concurrently.
type Pool struct {
	log  *slog.Logger
	now  func() time.Time
	open func(path string) (driver, error)

	// turn is held while a module is called, and never while a person is
	// asked. A channel, so that waiting for it ends with a context.
	turn    chan struct{}
	modules []*module // used under turn
	closed  bool      // under turn

	mu       sync.Mutex
	snapshot Snapshot
	looked   bool
	states   []ModuleState
}

type module struct {
	path   string
	driver driver // nil until it opened
	err    error
	info   string
}

// Open opens the modules. A module that does not work is no error: Modules says
// so, and each List tries it again.
func Open(ctx context.Context, o Options) (*Pool, error) {
	return open(ctx, o, openDriver)
}

func open(ctx context.Context, o Options, driverOf func(string) (driver, error)) (*Pool, error) {
	p := &Pool{log: o.Logger, now: o.Now, open: driverOf, turn: make(chan struct{}, 1)}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.now == nil {
		p.now = time.Now
	}
	paths := o.Modules
	if len(paths) == 0 {
		paths = firstKnown()
	}
	for _, path := range paths {
		p.modules = append(p.modules, &module{path: path})
	}
	if err := p.take(ctx); err != nil {
		return nil, err
	}
	defer p.give()
	p.openModules()
	return p, nil
}

func firstKnown() []string {
	for _, path := range KnownPlaces() {
		if _, err := os.Stat(path); err == nil {
			return []string{path}
		}
	}
	return nil
}

// take waits for the turn at the modules.
func (p *Pool) take(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		if p.closed {
			p.give()
			return errors.New("pkcs11: the pool is closed")
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *Pool) give() { <-p.turn }

// openModules tries each module that is not open. Under turn.
func (p *Pool) openModules() {
	states := make([]ModuleState, len(p.modules))
	for i, m := range p.modules {
		if m.driver == nil {
			before := m.err
			if m.driver, m.err = p.open(m.path); m.err == nil {
				m.info = describe(m.driver)
				p.log.Info("module opened", "path", m.path, "info", m.info)
			} else if before == nil {
				p.log.Warn("module does not work", "path", m.path, "error", m.err)
			}
		}
		states[i] = ModuleState{Path: m.path, Err: m.err, Info: m.info}
	}
	p.mu.Lock()
	p.states = states
	p.mu.Unlock()
}

func describe(d driver) string {
	info, err := d.Info()
	if err != nil {
		return ""
	}
	return trim(info.ManufacturerID) + ", " + trim(info.LibraryDescription) + ", Cryptoki " + version(info.CryptokiVersion)
}

// Modules never waits for a module.
func (p *Pool) Modules() []ModuleState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]ModuleState(nil), p.states...)
}

// Snapshot is the last look; false before the first. It never waits.
func (p *Pool) Snapshot() (Snapshot, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.snapshot, p.looked
}

// Close ends the modules, after what runs in them.
func (p *Pool) Close() error {
	p.turn <- struct{}{}
	defer p.give()
	p.closed = true
	var errs []error
	for _, m := range p.modules {
		if m.driver != nil {
			errs = append(errs, m.driver.Close())
			m.driver = nil
		}
	}
	return errors.Join(errs...)
}

func version(v p11.Version) string {
	return string('0'+rune(v.Major%10)) + "." + string('0'+rune(v.Minor/10%10)) + string('0'+rune(v.Minor%10))
}
