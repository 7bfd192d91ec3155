package control

import (
	"context"
	"testing"
	"time"

	"github.com/Microsoft/go-winio"
)

// ownInstance: one instance belongs to the whole desktop session.
func ownInstance(*testing.T) (state string) { return "" }

// listens waits until the pipe accepts clients. On Windows the pipe's instance
// that go-winio reserves accepts none; wine gives it to the first client, who would
// wait for ever. So the first client is this one.
func listens() func() {
	p, err := find("")
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	c, err := winio.DialPipeContext(ctx, p.pipe)
	if err != nil {
		return func() {} // as on Windows
	}
	return func() { _ = c.Close() }
}
