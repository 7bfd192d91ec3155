package browserlab

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"time"
)

// effect is how long a click in a browser's own window may take to have its effect.
// A second click before that would undo it: it closes what the first opens.
const effect = 10 * time.Second

// clickUntil clicks on the screen, at the point that where returns, until done
// reports that the clicks have had their effect. It waits while the point still
// moves.
func (s *screen) clickUntil(ctx context.Context, what string, done func() (bool, error), where func() (image.Point, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var next time.Time
	var last image.Point
	for {
		yes, err := done()
		if err == nil && yes {
			return nil
		}
		if err == nil && time.Now().After(next) {
			var at image.Point
			if at, err = where(); err == nil && at == last {
				err = s.click(ctx, at)
				next = time.Now().Add(effect)
			}
			last = at
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w that %s: %w", errNot, what, cmp.Or(err, ctx.Err()))
		case <-time.After(between):
		}
	}
}
