package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/audit"
)

// opening is one opening of a module. A module may hang in it, as one does whose
// reader or service does not answer: it is said to be so, and nobody waits for it,
// before its process is ended.
type opening struct {
	stage atomic.Int32
	abort context.CancelCauseFunc
}

// errOpenAnew ends an opening that Restart found under way: what it waited for, or
// has already seen, may be gone.
var errOpenAnew = errors.New("pkcs11: the module is opened anew")

// The stages of an opening.
const (
	opens       int32 = iota
	opensSlowly       // whoever has cards of another module waits no longer
	hangs             // nobody waits any longer
)

// openModule opens the module, and says how long that takes already. It fails with
// errOpenAnew where Restart came meanwhile. With the lease held.
func (p *Pool) openModule(m *module) (driver, string, error) {
	ctx, abort := context.WithCancelCause(p.life)
	defer abort(nil)
	o := &opening{abort: abort}
	m.setOpening(o)
	defer func() {
		m.setOpening(nil)
		p.stages.Publish()
	}()
	for after, stage := range map[time.Duration]int32{p.hangsAfter / 2: opensSlowly, p.hangsAfter: hangs} {
		timer := time.AfterFunc(after, func() {
			o.stage.Store(stage)
			if stage == hangs {
				p.log.Warn("module does not open", "path", m.path, "after", p.hangsAfter, audit.Module)
			}
			p.stages.Publish()
		})
		defer timer.Stop()
	}
	opened, err := p.open(ctx, m.path)
	switch {
	case err != nil && errors.Is(context.Cause(ctx), errOpenAnew):
		return nil, "", errOpenAnew
	case err != nil:
		return nil, "", err
	}
	info, err := describe(opened)
	if opened.Gone() { // it crashed or hung when it was asked who it is
		_ = opened.Close()
		return nil, "", err
	}
	return opened, info, nil
}

func (m *module) setOpening(o *opening) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opening = o
}

// openingStage is the stage of the opening that runs; ok is false where none does.
func (m *module) openingStage() (stage int32, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.opening == nil {
		return 0, false
	}
	return m.opening.stage.Load(), true
}

// abortOpening ends the process of a module that is being opened.
func (m *module) abortOpening() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.opening != nil {
		m.opening.abort(errOpenAnew)
	}
}

// hanging is the error of a module that is still being opened.
func (p *Pool) hanging(m *module) error {
	return moduleHangs(&Error{Op: fmt.Sprintf("it is being opened, and does not answer in %s", p.hangsAfter), Path: m.path, Kind: ErrModuleFailed})
}

func moduleHangs(err *Error) error { return fmt.Errorf("%w: %w", ErrModuleHangs, err) }

// stateNow is the module's state with what its opening shows.
func (p *Pool) stateNow(m *module) ModuleState {
	stage, opening := m.openingStage()
	m.mu.Lock()
	s, found := m.state, m.staleCache
	m.mu.Unlock()
	switch {
	case s.Err == nil && found != nil:
		s.Err = found.err
	case opening && stage == hangs:
		s.Err, s.Opening = p.hanging(m), false
	case opening:
		s.Opening = s.Err == nil // what it failed with before says more
	}
	return s
}

// AwaitOpening waits until each module is open, does not open, or is found to hang,
// for who reports how the modules do once only.
func (p *Pool) AwaitOpening(ctx context.Context) error {
	listening, end := context.WithCancel(ctx)
	defer end()
	staged := p.stages.Listen(listening)
	for slices.ContainsFunc(p.Modules(), func(m ModuleState) bool { return m.Opening }) {
		select {
		case <-staged:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// attended is a module for which f has ended.
type attended struct {
	module  *module
	reading *reading
	err     error
}

// attend runs f for the modules at once, each under its lease, and hands each result
// to ended. It does not wait for those that hang while they are opened, nor, where
// enough says so, for those that open slowly: these are returned, with the channel
// on which they will end.
func (p *Pool) attend(ctx context.Context, modules []*module, f func(*module) *reading, ended func(attended), enough func() bool) (overdue []*module, rest <-chan attended, err error) {
	done := make(chan attended, len(modules))
	for _, m := range modules {
		go func() {
			a := attended{module: m}
			if a.err = p.acquire(ctx, m); a.err == nil {
				func() { defer p.release(m); a.reading = f(m) }()
			}
			done <- a
		}()
	}
	listening, end := context.WithCancel(ctx)
	defer end()
	staged := p.stages.Listen(listening)
	overdue = slices.Clone(modules)
	var errs []error
	for slices.ContainsFunc(overdue, func(m *module) bool { return !m.isOverdue(enough) }) {
		select {
		case a := <-done:
			overdue = slices.DeleteFunc(overdue, func(m *module) bool { return m == a.module })
			errs = append(errs, a.err)
			ended(a)
		case <-staged:
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
	}
	return overdue, done, errors.Join(errs...)
}

func (m *module) isOverdue(enough func() bool) bool {
	stage, opening := m.openingStage()
	return opening && (stage == hangs || stage == opensSlowly && enough())
}
