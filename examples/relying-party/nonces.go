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

// nonces keeps one nonce for each session, for one use. It may be used
// concurrently.
type nonces struct {
	now     func() time.Time
	mu      sync.Mutex
	waiting map[string]waitingNonce
}

type waitingNonce struct {
	nonce string
	until time.Time
}

func newNonces(now func() time.Time) *nonces {
	return &nonces{now: now, waiting: map[string]waitingNonce{}}
}

func (n *nonces) create() (session, nonce string) {
	session, nonce = rand.Text(), authtoken.NewNonce()
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.waiting) >= maxNonces {
		clear(n.waiting) // people begin again; memory does not grow
	}
	n.waiting[session] = waitingNonce{nonce, n.now().Add(nonceLifetime)}
	return session, nonce
}

// take gives the session's nonce, "" where it has none that is still good.
func (n *nonces) take(session string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	w, ok := n.waiting[session]
	delete(n.waiting, session)
	if !ok || !n.now().Before(w.until) {
		return ""
	}
	return w.nonce
}
