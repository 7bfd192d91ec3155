package login

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/cards"
	"github.com/cpx-bridge/cpx-bridge/agent/policy"
	"github.com/cpx-bridge/cpx-bridge/agent/sites"
	"github.com/cpx-bridge/cpx-bridge/internal/broadcast"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
)

const (
	listedOrigin = "https://portail.example.fr"
	otherOrigin  = "https://autre.example.fr"
	testNonce    = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
)

type setup struct {
	settings string
	pool     *fakes.Pool
	person   fakes.Person
	limits   Limits
	poll     time.Duration // of the cards, which no event reports
	sites    *sites.Store
	logTo    io.Writer
	now      func() time.Time
}

// serve makes logins possible, with cards that no event reports.
func serve(t *testing.T, o setup) *Service {
	t.Helper()
	if o.logTo == nil {
		o.logTo = io.Discard
	}
	log := slog.New(slog.NewTextHandler(o.logTo, nil))
	s := New(Options{
		Policy: settings(t, o.settings), Cards: cards.New(cards.Options{Pool: o.pool, Logger: log, Limits: cards.Limits{Poll: o.poll}}), Signer: o.pool, Prompter: o.person,
		Sites: o.sites, Logger: log, Limits: o.limits, Now: o.now, AppVersion: "https://cpx-bridge.invalid/cpx-agent/test", Changes: &broadcast.Signal{},
	})
	ctx, cancel := context.WithCancel(context.Background())
	s.Start(ctx, nil)
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return s
}

// settings are those of a person's file.
func settings(t *testing.T, text string) *policy.Effective {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load(policy.Paths{User: file})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// lockedBuffer is a log that a login writes while the test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestLease: nobody is at a login where a question may make way for one, until one
// comes.
func TestLease(t *testing.T) {
	q := newQueue(time.Now, Limits{}.withDefaults(), nil)
	if err := q.acquire(t.Context(), newAsker(listedOrigin, true)); err != nil || !q.atLogin() || !q.inUse() {
		t.Errorf("%v: at a login %v", err, q.atLogin())
	}
	q.release()
	ctx, free := q.acquireRevocable(t.Context())
	if !free || q.atLogin() || !q.inUse() || ctx.Err() != nil {
		t.Errorf("free %v, at a login %v: %v", free, q.atLogin(), ctx.Err())
	}
	wants, withdraw := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- q.acquire(wants, newAsker(listedOrigin, true)) }()
	<-ctx.Done() // a login waits for it
	if !q.atLogin() {
		t.Error("nobody is at a login that waits")
	}
	if withdraw(); <-ended == nil {
		t.Error("a request that was withdrawn got the lease")
	}
	if q.release(); q.inUse() || q.atLogin() {
		t.Error("the lease was not released")
	}
}
