package portal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/kit/demopki"
)

// fillExpired puts rows of sessions that ended long ago in the database.
func fillExpired(t testing.TB, s *site, rows int) {
	t.Helper()
	ago := s.clock.now().Add(-24 * time.Hour).Unix()
	insert := `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO sessions (id, created, seen) SELECT randomblob(32), ?, ? FROM n`
	args := []any{rows, ago, ago}
	if s.onPostgres() {
		insert = `INSERT INTO sessions (id, created, seen) SELECT sha256(n::text::bytea), $2, $2 FROM generate_series(1, $1) AS n`
		args = args[:2]
	}
	if _, err := s.db.Exec(insert, args...); err != nil {
		t.Fatal(err)
	}
}

// Logins get through while half a million left-over sessions are deleted, and none
// waits for that. With -v it says how long they take then, and without.
func TestHalfMillionExpired(t *testing.T) {
	const rows = 500_000
	s := newSite(t)
	card := issue(t, pki().Intermediate, demopki.NewHolder("CPS", 1))
	s.browser(t).attach(card, testName)
	login := func() time.Duration {
		b := s.browser(t)
		begun := time.Now()
		if next, reason := b.login(card); next != pathSpace {
			t.Fatalf("%q %q", next, reason)
		}
		return time.Since(begun)
	}
	const logins = 100
	var before, full, during []time.Duration
	for range logins {
		before = append(before, login())
	}
	fillExpired(t, s, rows)
	for range logins {
		full = append(full, login())
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cleaned := make(chan error, 1)
	begun := time.Now()
	go func() { cleaned <- s.clean(ctx) }()
	for range logins {
		during = append(during, login())
	}
	var remaining int // of those that were left over: each login leaves rows of its own
	if err := s.db.QueryRow(fmt.Sprint("SELECT count(*) FROM sessions WHERE seen < ", s.clock.now().Add(-12*time.Hour).Unix())).Scan(&remaining); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-cleaned:
		t.Fatalf("the cleaning ended before the logins: they show nothing. %v", err)
	default:
	}
	if remaining >= rows {
		t.Errorf("%d rows, none was deleted meanwhile", remaining)
	}
	took := time.Since(begun)
	stop() // TestClean plays an end
	if err := <-cleaned; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	middle := func(d []time.Duration) (median, slowest time.Duration) {
		slices.Sort(d)
		return d[len(d)/2], d[len(d)-1]
	}
	m0, s0 := middle(before)
	m1, s1 := middle(full)
	m2, s2 := middle(during)
	t.Logf("a login, median and slowest of %d: %v, %v; with %d rows left over %v, %v (%.1f times the median); while %d of them were deleted in %v, %v, %v (%.1f times)",
		logins, m0, s0, rows, m1, s1, float64(m1)/float64(m0), rows-remaining, took, m2, s2, float64(m2)/float64(m0))
}
