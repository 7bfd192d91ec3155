package control

import (
	"context"
	"testing"
	"time"

	"github.com/Microsoft/go-winio"
)

// ownPlace: the place is the desktop session's; each test in wine has its own.
func ownPlace(*testing.T) (state string) { return "" }

// listens waits until the pipe takes clients. On Windows the instance that
// go-winio keeps for itself takes none; wine hands it to the first client, who
// would wait for ever. So that one is us.
func listens() func() {
	p, err := find("")
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	c, err := winio.DialPipeContext(ctx, p.pipe)
	if err != nil {
		return func() {} // as it is on Windows
	}
	return func() { _ = c.Close() }
}
