package login

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// trace writes the steps of logins into the log, at debug level, by the names that
// they have in the model of internal/lab/model, in the order in which they happened:
// what the agent does must be a path of the model.
type trace struct {
	log *slog.Logger
	mu  sync.Mutex
	n   uint64 // of the last line
}

// offerNumber stands for the question that follows a login, which is no request.
const offerNumber = 0

// step is for whoever holds what makes the step happen once: the lock of the queue, or
// of the request, or the lease. So lines stand in the order of what they say.
func (t *trace) step(request uint64, step string, more ...any) {
	if !t.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	t.log.Debug("login step", append([]any{"n", t.n, "request", request, "step", step}, more...)...)
}

// Running is one `authenticate` from its arrival to its answer. Its page may take it
// back at any moment: no call of the card begins after that, and no token is sent.
type Running struct {
	number uint64
	trace  *trace
	end    context.CancelCauseFunc

	mu        sync.Mutex
	cancelled bool
}

// Begin is called when an `authenticate` has come. The context is the request's; End
// must be called.
func (s *Service) Begin(ctx context.Context) (context.Context, *Running) {
	r := &Running{number: s.requests.Add(1), trace: s.trace}
	ctx, r.end = context.WithCancelCause(ctx)
	r.trace.step(r.number, "sent")
	return ctx, r
}

// Cancel ends the request with ErrPageCancelled, unless it has ended. It never waits
// for a card.
func (r *Running) Cancel() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.cancelled {
		r.cancelled = true
		r.trace.step(r.number, "cancelled")
		r.end(protocol.ErrPageCancelled)
	}
}

// End decides what the page is told: a token where the login went well, unless the page
// had taken its request back by then.
func (r *Running) End(good bool) (token bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	token = good && !r.cancelled
	step := "error_sent"
	if token {
		step = "token_sent"
	}
	r.trace.step(r.number, step)
	r.cancelled = true // nothing is left to take back
	r.end(nil)
	return token
}

// call is what the pool asks before and tells after each call of the card. One that
// would begin after the request was taken back does not.
func (r *Running) call(ctx context.Context, step pkcs11.Step) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if step.Begins() && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.trace.step(r.number, string(step))
	return nil
}

// outcome is how a dialog ended: by the answer that the login goes on with, by the
// person's no, or by anything else.
func outcome(err error, yes, no, ended string) string {
	switch {
	case err == nil:
		return yes
	case errors.Is(err, prompt.ErrCancelled):
		return no
	}
	return ended
}
