package agent

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/login"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/model"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// TestTimeLimitsArePaths: a login that ends by each of its time limits does what the
// model of internal/lab/model does.
func TestTimeLimitsArePaths(t *testing.T) {
	need.Program(t, "spin")
	nobody := fakes.Person{
		OnConsent: func(ctx context.Context, _ prompt.Caller) error { return fakes.DoNothing(ctx) },
		OnInsert:  func(ctx context.Context, _ bool) error { return fakes.DoNothing(ctx) },
		OnPIN:     func(ctx context.Context, _ prompt.PIN) ([]byte, error) { return nil, fakes.DoNothing(ctx) },
	}
	short := 50 * time.Millisecond
	var traces []model.Trace
	for _, c := range []struct {
		name   string
		origin string
		limits login.Limits
		noCard bool
		code   int
	}{
		{"consent", otherOrigin, login.Limits{Dialog: short}, false, protocol.CodeTimeout},
		{"card", listedOrigin, login.Limits{Insert: short}, true, protocol.CodeNoCard},
		{"PIN", listedOrigin, login.Limits{Dialog: short}, false, protocol.CodeTimeout},
		{"request", listedOrigin, login.Limits{Request: short}, false, protocol.CodeTimeout},
		{"queue", listedOrigin, login.Limits{Queue: short}, false, protocol.CodeBusy},
	} {
		t.Run(c.name, func(t *testing.T) {
			pool, _ := fakes.OneCard(t)
			if c.noCard {
				pool.Cards = pkcs11.Snapshot{Slots: []pkcs11.Slot{fakes.EmptySlot}}
			}
			log := &lockedBuffer{}
			s := serve(t, setup{settings: askSettings, pool: pool, person: nobody, limits: Limits{Login: c.limits}, logTo: log, level: slog.LevelDebug})
			p := openPage(t, s, c.origin)
			first := openPage(t, s, listedOrigin)
			if c.name == "queue" {
				first.authenticate(1)
				first.progress(protocol.AskingPIN)
			}
			p.authenticate(1)
			want(t, p.answer(), c.code)
			if c.name == "queue" {
				first.send(`{"jsonrpc":"2.0","id":"cancel","method":"cancel"}`)
				_, _ = first.answer(), first.answer()
			}
			events, err := model.Events(log.String())
			if err != nil || len(events) == 0 {
				t.Fatalf("%d events: %v", len(events), err)
			}
			traces = append(traces, model.Trace{Name: c.name, Events: events})
		})
	}
	stops, err := model.Stops(t.Context(), t.TempDir(), traces)
	if err != nil {
		t.Fatal(err)
	}
	for i, trace := range traces {
		if !trace.Path(stops[i]) {
			t.Errorf("%s is no path of the model:\n%s", trace.Name, model.Show(trace, stops[i]))
		}
	}
}
