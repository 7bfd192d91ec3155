package sessions

import (
	"bytes"
	"context"
	"slices"

	"github.com/cpx-bridge/cpx-bridge/portal/store"
)

// List returns the account's sessions that have not ended, that of the request first and then
// the one used last.
func (s *Sessions) List(ctx context.Context, own *store.Session) ([]store.Session, error) {
	list, err := s.Store.OpenSessions(ctx, own.Account)
	list = slices.DeleteFunc(list, func(one store.Session) bool { return s.over(one) })
	slices.SortStableFunc(list, func(a, b store.Session) int {
		switch {
		case bytes.Equal(a.Hash, own.Hash):
			return -1
		case bytes.Equal(b.Hash, own.Hash):
			return 1
		}
		return 0
	})
	return list, err
}

// over reports whether a session's time is up, though its row may still be there.
func (s *Sessions) over(one store.Session) bool {
	now := s.Now()
	return now.Sub(one.Seen) > s.Idle || now.Sub(one.Created) > s.Total
}
