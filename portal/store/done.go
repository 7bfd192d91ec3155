package store

import (
	"context"
	"time"
)

// Done is what the last form of a session did that ended with it, for the second of two clicks:
// its request brings a session that is no more, and gets the answer of the first.
type Done struct {
	What string
	Salt []byte // of Attached: with the identifier of the old session, it makes that of the one that began
}

// What was done.
const (
	DoneAttached   = "attached"
	DoneDetached   = "detached" // the card of that login
	DoneEverywhere = "everywhere"
)

// DoneLife is how long it is remembered: as long as somebody may click at a page that does not
// answer.
const DoneLife = time.Minute

// Done returns what was done last in a session that ended; ErrNotFound: nothing, or too long ago.
func (s *Store) Done(ctx context.Context, session []byte, now time.Time) (d Done, err error) {
	err = found(s.q().row(ctx, `SELECT what, salt FROM done WHERE session = $1 AND until > $2`, session, now.Unix()).Scan(&d.What, &d.Salt))
	return d, err
}

func done(ctx context.Context, q querier, session []byte, what string, salt []byte, now time.Time) error {
	if salt == nil {
		salt = []byte{}
	}
	_, err := q.exec(ctx, `INSERT INTO done (session, what, salt, until) VALUES ($1, $2, $3, $4)
ON CONFLICT (session) DO UPDATE SET what = excluded.what, salt = excluded.salt, until = excluded.until`, session, what, salt, now.Add(DoneLife).Unix())
	return err
}
