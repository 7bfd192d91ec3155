package main

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/cpx-bridge/cpx-bridge/authtoken"
)

const (
	cookie        = "session"
	nonceLifetime = 5 * time.Minute
	maxNonces     = 10_000
)

// nonces stores one nonce for each session, for one use. It may be used
// concurrently.
type nonces struct {
	now     func() time.Time
	mu      sync.Mutex
	pending map[string]pendingNonce
}

type pendingNonce struct {
	nonce string
	until time.Time
}

func newNonces(now func() time.Time) *nonces {
	return &nonces{now: now, pending: map[string]pendingNonce{}}
}

func (n *nonces) create() (session, nonce string) {
	session, nonce = rand.Text(), authtoken.NewNonce()
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.pending) >= maxNonces {
		clear(n.pending) // bounds the memory; people click once more
	}
	n.pending[session] = pendingNonce{nonce, n.now().Add(nonceLifetime)}
	return session, nonce
}

// consume deletes the session's nonce and returns it, "" where there is none or it
// has expired.
func (n *nonces) consume(session string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	w, ok := n.pending[session]
	delete(n.pending, session)
	if !ok || !n.now().Before(w.until) {
		return ""
	}
	return w.nonce
}
