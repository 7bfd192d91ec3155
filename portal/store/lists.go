package store

import (
	"context"

	"github.com/cpx-bridge/cpx-bridge/authtoken/revocation"
)

// Lists is where revocation lists are stored, for all instances.
func (s *Store) Lists(ctx context.Context) (revocation.Store, error) {
	kind := revocation.SQLite
	if s.postgres {
		kind = revocation.PostgreSQL
	}
	return revocation.NewSQL(ctx, s.db, kind)
}
