package prompt

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt/dialog"
	"github.com/cpx-bridge/cpx-bridge/internal/strictjson"
)

// window shows windows of our own, each in a process of its own.
type window struct{ command []string }

// maxAnswer is longer than any answer of the window's process, in bytes.
const maxAnswer = 1 << 10

// show shows one window until the person has answered or ctx ends. It returns
// ErrCancelled where the person refused or closed it, ErrNever where they said so.
func (w window) show(ctx context.Context, r dialog.Request) (row int, err error) {
	if ctx.Err() != nil {
		return 0, ended(ctx)
	}
	if len(w.command) == 0 || !hasDisplay() {
		return 0, fmt.Errorf("%w: no window of our own here", ErrUnavailable)
	}
	r.Buttons = shortcuts(r.Buttons, "_")
	answer, err := w.converse(ctx, r)
	switch {
	case ctx.Err() != nil:
		return 0, ended(ctx)
	case err != nil:
		return 0, fmt.Errorf("%w: our own window: %w", ErrUnavailable, err)
	case answer.Answer == dialog.Cancel:
		return 0, ErrCancelled
	case answer.Answer == dialog.Never && offersNever(r):
		return 0, ErrNever
	case answer.Answer != dialog.OK || len(r.Rows) > 0 && (answer.Row < 0 || answer.Row >= len(r.Rows)):
		return 0, fmt.Errorf("%w: our own window answered %+v", ErrUnavailable, answer)
	}
	return answer.Row, nil
}

func (w window) converse(ctx context.Context, r dialog.Request) (answer dialog.Answer, err error) {
	p, err := start(ctx, w.command[0], w.command[1:]...)
	if err != nil {
		return answer, err
	}
	defer p.end()
	// Its standard input stays open: the window closes when it ends, with the agent.
	if err := json.NewEncoder(p.stdin).Encode(r); err != nil {
		return answer, err
	}
	line, err := bufio.NewReader(io.LimitReader(p.stdout, maxAnswer)).ReadBytes('\n')
	if err != nil {
		return answer, noEOF(err)
	}
	return readAnswer(r, line)
}

// readAnswer accepts an answer that one of the request's buttons gives, and nothing that
// two readers could understand differently: a process that was started for one question
// may have been made to answer another.
func readAnswer(r dialog.Request, line []byte) (answer dialog.Answer, err error) {
	if err := strictjson.Into(line, &answer); err != nil {
		return dialog.Answer{}, err
	}
	offered := func(b dialog.Button) bool { return b.Answer == answer.Answer && b.Answer != dialog.Copy }
	if !slices.ContainsFunc(r.Buttons, offered) && !(r.Passes && answer.Answer == dialog.OK) && answer.Answer != dialog.Cancel {
		return dialog.Answer{}, fmt.Errorf("it answered %.40q, which no button gives", answer.Answer)
	}
	return answer, nil
}
