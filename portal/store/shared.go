package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"runtime"
	"slices"
	"sync"
)

// sharing has transactions that are asked for at the same time share one of SQLite's, which has
// one writer: what they wait for is the disk, once for all of them and not once for each. The
// one that comes first runs the others' too, so that one alone waits for nobody.
type sharing struct {
	mu        sync.Mutex
	asked     []*shared
	running   chan struct{} // has room for whoever runs them
	preparing sync.Mutex    // one at a time
	prepared  sync.Map      // statements by their text, of *sql.Stmt
}

// shared is a transaction that shares another.
type shared struct {
	do       func(q querier) error
	err      error
	panicked any // what do panicked with, which is its own caller's
	done     chan struct{}
}

// most is how many share a transaction: the first of them waits for all.
const most = 64

// errAborted is of a transaction whose code neither returned nor panicked.
var errAborted = errors.New("portal: the transaction was aborted")

func newSharing() *sharing { return &sharing{running: make(chan struct{}, 1)} }

// share does what belongs together, in a transaction that others may share. One whose do fails or
// panics has none of what it did in it, and the others have theirs: do may be called twice. Until
// the transaction has begun ctx ends the waiting, and nothing after that.
func (s *Store) share(ctx context.Context, do func(q querier) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g, mine := s.sharing, &shared{do: do, done: make(chan struct{})}
	g.mu.Lock()
	g.asked = append(g.asked, mine)
	g.mu.Unlock()
	select {
	case g.running <- struct{}{}:
		defer func() { <-g.running }()
		for !mine.isDone() {
			if err := s.runShared(ctx); err != nil && g.withdraw(mine) { // ctx has ended
				return err
			}
		}
	case <-mine.done:
	case <-ctx.Done():
		if g.withdraw(mine) {
			return ctx.Err()
		}
		<-mine.done // it runs already, for a moment
	}
	if mine.panicked != nil {
		panic(mine.panicked)
	}
	return mine.err
}

func (one *shared) isDone() bool {
	select {
	case <-one.done:
		return true
	default:
		return false
	}
}

// withdraw reports whether a transaction has not begun, which it never will then.
func (g *sharing) withdraw(one *shared) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, other := range g.asked {
		if other == one {
			g.asked = append(g.asked[:i:i], g.asked[i+1:]...)
			return true
		}
	}
	return false
}

// next removes those that were asked for until now.
func (g *sharing) next() []*shared {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.asked), most)
	all := g.asked[:n:n]
	g.asked = g.asked[n:]
	for _, one := range all {
		one.err = errAborted
	}
	return all
}

func (g *sharing) waiters() []*shared {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.asked)
}

// refuse gives an error to those that wait still.
func (g *sharing) refuse(waiters []*shared, err error) {
	for _, one := range waiters {
		if g.withdraw(one) {
			one.err = err
			close(one.done)
		}
	}
}

// runShared runs those that were asked for until SQLite lets a transaction begin, for which it
// may wait for another program's: where ctx ends that, nothing was removed, so that each of them
// has its own time to wait, and where SQLite does, all have waited. Where one of them fails all
// are done anew, each behind a savepoint: that costs more, and refusals are rare.
func (s *Store) runShared(ctx context.Context) error {
	runtime.Gosched() // requests that are about to ask do so first, and share this one too
	waiters := s.sharing.waiters()
	t, err := s.beginShared(ctx)
	if err != nil {
		if ctx.Err() == nil { // each of them would wait as long for nothing, one after the other
			s.sharing.refuse(waiters, err)
		}
		return err
	}
	all := s.sharing.next()
	defer func() {
		for _, one := range all {
			if !one.isDone() { // do ended this goroutine, and nothing of them all is there
				one.err = errAborted
				close(one.done)
			}
		}
	}()
	if repeat := t.run(all, false); repeat && len(all) > 1 {
		s.runAnew(context.WithoutCancel(ctx), all)
	}
	for _, one := range all {
		close(one.done)
	}
	t.prepare(s.db)
	return nil
}

// runAnew does all of them behind savepoints.
func (s *Store) runAnew(ctx context.Context, all []*shared) {
	t, err := s.beginShared(ctx)
	if err != nil {
		settle(all, err)
		return
	}
	if t.run(all, true) {
		s.runAlone(ctx, all)
	}
}

// runAlone does those in transactions of their own that have come to no end.
func (s *Store) runAlone(ctx context.Context, all []*shared) {
	for i, one := range all {
		if one.panicked != nil || !errors.Is(one.err, errAborted) {
			continue
		}
		t, err := s.beginShared(ctx)
		if err != nil {
			settle(all[i:], err)
			return
		}
		t.run(all[i:i+1], false)
	}
}

// settle gives an error to those that have none of their own.
func settle(all []*shared, err error) {
	for _, one := range all {
		if one.err == nil || errors.Is(one.err, errAborted) {
			one.err = err
		}
	}
}

// transaction is one of SQLite's.
type transaction struct {
	*preparing
	store *Store
	end   context.CancelFunc
}

// beginShared begins a transaction. Once it has begun no request's end interrupts it: SQLite
// would undo what the others did too.
func (s *Store) beginShared(ctx context.Context) (*transaction, error) {
	s.asked.Add(1)
	own, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, end)
	tx, err := s.db.BeginTx(own, nil)
	if !stop() && err == nil { // its end is under way
		err = errors.Join(context.Cause(ctx), tx.Rollback())
	}
	if err != nil {
		end()
		return nil, cmp.Or(ctx.Err(), err)
	}
	return &transaction{&preparing{Tx: tx, sharing: s.sharing}, s, end}, nil
}

// run does all of it and ends the transaction, and notes what became of each. It reports whether
// they are to be done anew: without savepoints it ends at the first that fails, and with them
// where SQLite itself has undone all, as for a full disk, and then those without an end have
// errAborted.
func (t *transaction) run(all []*shared, savepoints bool) (repeat bool) {
	defer t.end()
	defer func() { _ = t.Rollback() }() // after a commit it does nothing
	for _, one := range all {
		one.err, one.panicked = errAborted, nil
	}
	q := querier{t.preparing, t.store.dialect, &t.store.asked}
	for _, one := range all {
		if savepoints {
			if err := t.exec("SAVEPOINT one"); err != nil {
				settle(all, err)
				return false
			}
		}
		one.run(q)
		if one.err != nil && !savepoints {
			return true
		}
		if one.err != nil {
			if err := t.exec("ROLLBACK TO one"); err != nil {
				settle(all, errAborted)
				return true
			}
		}
		if savepoints {
			if err := t.exec("RELEASE one"); err != nil {
				settle(all, err)
				return false
			}
		}
	}
	t.store.asked.Add(1)
	if err := t.Commit(); err != nil {
		settle(all, err)
	}
	return false
}

func (t *transaction) exec(query string) error {
	t.store.asked.Add(1)
	_, err := t.Tx.ExecContext(context.Background(), query)
	return err
}

// run does it. What it panics with is its own: the others and their goroutine do not notice.
func (one *shared) run(q querier) {
	defer func() {
		if cause := recover(); cause != nil {
			one.err, one.panicked = errAborted, cause
		}
	}()
	one.err = one.do(q)
}

// preparing is a transaction that uses statements which SQLite has read before, and notes those
// that it has not. They are read once it has ended: the connection is its own until then.
type preparing struct {
	*sql.Tx
	*sharing
	noted []string
}

func (p *preparing) statement(query string) *sql.Stmt {
	if known, is := p.prepared.Load(query); is {
		return p.StmtContext(context.Background(), known.(*sql.Stmt))
	}
	p.noted = append(p.noted, query)
	return nil
}

// prepare has the statements read that were noted, once nothing else has the connection. Nobody
// waits for that. Where it fails, the next transaction notes them.
func (p *preparing) prepare(db *sql.DB) {
	if len(p.noted) == 0 || !p.preparing.TryLock() {
		return
	}
	go func() {
		defer p.preparing.Unlock()
		for _, query := range p.noted {
			if _, is := p.prepared.Load(query); is {
				continue
			}
			if s, err := db.PrepareContext(context.Background(), query); err == nil {
				p.prepared.Store(query, s)
			}
		}
	}()
}

func (p *preparing) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	if s := p.statement(query); s != nil {
		return s.ExecContext(context.Background(), args...)
	}
	return p.Tx.ExecContext(context.Background(), query, args...)
}

func (p *preparing) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := p.statement(query); s != nil {
		return s.QueryContext(context.Background(), args...)
	}
	return p.Tx.QueryContext(context.Background(), query, args...)
}

func (p *preparing) QueryRowContext(_ context.Context, query string, args ...any) *sql.Row {
	if s := p.statement(query); s != nil {
		return s.QueryRowContext(context.Background(), args...)
	}
	return p.Tx.QueryRowContext(context.Background(), query, args...)
}
