package challenge

import (
	"context"
	"crypto/rand"
	"sync"
	"time"
)

// Memory is the Store of a site of one process: its challenges end with it. It stores
// nothing for a browser whose token was not accepted.
type Memory struct {
	now func() time.Time
	key []byte

	mu    sync.Mutex
	used  map[string]time.Time
	purge time.Time // when to look for what has expired
}

// NewMemory returns a Store with a new key; now is the clock, nil the system's.
func NewMemory(now func() time.Time) *Memory {
	if now == nil {
		now = time.Now
	}
	m := &Memory{now: now, key: make([]byte, 32), used: map[string]time.Time{}}
	_, _ = rand.Read(m.key) // never fails
	return m
}

// SigningKey returns the only key.
func (m *Memory) SigningKey(context.Context) (number uint32, key []byte, err error) {
	return 1, m.key, nil
}

// Key returns the only key.
func (m *Memory) Key(_ context.Context, number uint32) ([]byte, error) {
	if number != 1 {
		return nil, nil
	}
	return m.key, nil
}

// Use remembers the nonce.
func (m *Memory) Use(_ context.Context, nonce string, until time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.now(); now.After(m.purge) {
		m.purge = now.Add(Lifetime)
		for old, end := range m.used {
			if now.After(end) {
				delete(m.used, old)
			}
		}
	}
	if _, known := m.used[nonce]; known {
		return false, nil
	}
	m.used[nonce] = until
	return true, nil
}
