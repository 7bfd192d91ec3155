package store

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"sync"
)

// sharing has transactions that are asked for at the same time share one of SQLite's, which has
// one writer: what they wait for is the disk, once for all of them and not once for each. The
// one that comes first runs the others' too, so that one alone waits for nobody.
type sharing struct {
	mu       sync.Mutex
	asked    []*shared
	running  chan struct{} // has room for whoever runs them
	prepared sync.Map      // statements by their text, of *sql.Stmt
}

// shared is a transaction that shares another.
type shared struct {
	do   func(q querier) error
	err  error
	done chan struct{}
}

// most is how many share a transaction: the first of them waits for all.
const most = 64

// errAborted is of a transaction whose code panicked.
var errAborted = errors.New("portal: the transaction was aborted")

func newSharing() *sharing { return &sharing{running: make(chan struct{}, 1)} }

// share does what belongs together, in a transaction that others may share. Those whose do fails
// have none of what they did in it, and neither has anybody: all are done anew then, each in one of its own.
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
		for {
			select {
			case <-mine.done:
				return mine.err
			default:
				s.runShared()
			}
		}
	case <-mine.done:
		return mine.err
	case <-ctx.Done():
		if g.withdraw(mine) {
			return ctx.Err()
		}
		<-mine.done // it runs already, for a moment
		return mine.err
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

// runShared runs those that were asked for until now.
func (s *Store) runShared() {
	g := s.sharing
	runtime.Gosched() // requests that are about to ask do so first, and share this one too
	g.mu.Lock()
	n := min(len(g.asked), most)
	all := g.asked[:n:n]
	g.asked = g.asked[n:]
	g.mu.Unlock()
	for _, one := range all {
		one.err = errAborted
	}
	defer func() {
		for _, one := range all {
			close(one.done)
		}
	}()
	failed, err := s.transaction(all)
	for _, one := range all {
		one.err = err
		if failed && len(all) > 1 {
			_, one.err = s.transaction([]*shared{one})
		}
	}
}

// transaction does all of it in one transaction, and reports whether it was one of them that
// failed, and not the transaction itself. No request's end interrupts it: SQLite would undo what
// the others did too.
func (s *Store) transaction(all []*shared) (failed bool, err error) {
	s.asked.Add(2)
	ctx := context.Background()
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }() // also of a panic; after a commit it does nothing
	on := &preparing{Tx: tx, sharing: s.sharing}
	for _, one := range all {
		if err := one.do(querier{on, s.dialect, &s.asked}); err != nil {
			return true, err
		}
	}
	if err := tx.Commit(); err != nil {
		return false, err
	}
	on.prepare(s.db)
	return false, nil
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

// prepare reads the statements that were noted. Where it fails, the next transaction notes them.
func (p *preparing) prepare(db *sql.DB) {
	for _, query := range p.noted {
		if _, is := p.prepared.Load(query); is {
			continue
		}
		if s, err := db.PrepareContext(context.Background(), query); err == nil {
			p.prepared.Store(query, s)
		}
	}
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
