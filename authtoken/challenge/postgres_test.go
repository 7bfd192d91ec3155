package challenge

import (
	"database/sql"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/postgres"
)

func init() {
	more["PostgreSQL"] = func(t *testing.T, play func(t *testing.T, dialect Dialect, open func() *sql.DB)) {
		address := postgres.Database(t)
		play(t, PostgreSQL, func() *sql.DB { return opened(t, "pgx", address) })
	}
}
