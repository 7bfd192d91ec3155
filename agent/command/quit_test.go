package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/control"
)

// TestQuitGoesOn: an agent that does not end in time, one that does not know how, and one
// that another command cannot reach, are named, with what to do.
func TestQuitGoesOn(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	h, err := control.Acquire(dir)
	if err != nil || h.Err() != nil {
		t.Fatal(err, h)
	}
	s := control.NewServer(h, slog.New(slog.DiscardHandler))
	serving, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Serve(serving) }()
	defer func() { cancel(); <-ended; _ = h.Release() }()
	for _, c := range []struct {
		name string
		quit control.Method
		want map[string]string
	}{
		{"goes on", func(context.Context, json.RawMessage) (any, error) { return nil, nil }, map[string]string{
			"fr": "cpx-agent: CPx Bridge (processus %d) ne s’est pas encore arrêté. Une carte est peut-être en train de signer : recommencez dans trois minutes ; s’il est toujours en marche, terminez ce processus.\n",
			"en": "cpx-agent: CPx Bridge (process %d) has not ended yet. A card may be signing: try again in three minutes; if it still runs, end that process.\n",
		}},
		{"fails", func(context.Context, json.RawMessage) (any, error) { return nil, errors.New("TEST") }, map[string]string{
			"fr": "cpx-agent: CPx Bridge (processus %d) est en marche et n’a pas pu être arrêté d’ici (control: failed: TEST). Quittez-le dans son menu, ou terminez ce processus.\n",
			"en": "cpx-agent: CPx Bridge (process %d) runs and could not be ended from here (control: failed: TEST). Quit it in its menu, or end that process.\n",
		}},
	} {
		s.Ready(map[string]control.Method{"quit": c.quit})
		for lang, want := range c.want {
			ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
			var out, errs bytes.Buffer
			got := program.Run(ctx, []string{"quit", "--lang", lang}, &out, &errs)
			stop()
			if got != exitProblem || out.Len() > 0 || errs.String() != fmt.Sprintf(want, os.Getpid()) {
				t.Errorf("%s: exit %d, %q %s", c.name, got, out.String(), strings.TrimSpace(errs.String()))
			}
		}
	}
}
