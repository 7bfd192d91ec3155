package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/journal"
	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/agent/statewindow"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// noticing is a person who leaves each notice open until it is closed, or closes it.
type noticing struct {
	fakes.Person
	shown chan prompt.Notice
	close chan struct{}
	gone  chan struct{} // gets a value where a notice was closed for the person
}

func (p *noticing) ShowNotice(ctx context.Context, _ string, n prompt.Notice) error {
	p.shown <- n
	select {
	case <-ctx.Done():
		p.gone <- struct{}{}
		return ctx.Err()
	case <-p.close:
		return nil
	}
}

func diagnosing(t *testing.T, diagnose func(ctx context.Context, lang string) (Diagnosis, error)) (*Server, *noticing) {
	t.Helper()
	return noticed(t, setup{diagnose: diagnose})
}

// noticed is an agent in English whose notices are seen.
func noticed(t *testing.T, o setup) (*Server, *noticing) {
	t.Helper()
	pool, person := fakes.OneCard(t)
	p := &noticing{Person: person, shown: make(chan prompt.Notice, 10), close: make(chan struct{}), gone: make(chan struct{}, 10)}
	o.pool, o.prompter, o.settings = pool, p, "lang = \"en\"\n"
	return serve(t, o), p
}

// TestShowDiagnosis: what was found is shown with what is for a hotline, and nothing else
// first where it is found at once.
func TestShowDiagnosis(t *testing.T) {
	s, p := diagnosing(t, func(_ context.Context, lang string) (Diagnosis, error) {
		return Diagnosis{Text: "TEST found in " + lang, Hotline: "TEST hotline"}, nil
	})
	s.ShowDiagnosis(t.Context())
	n := <-p.shown
	if n.Title != state.Name+" · Diagnostics" || n.Text != "TEST found in en" || n.Copy != "TEST hotline" || n.Label != "Copy for the hotline" || n.Hint == "" {
		t.Errorf("%+v", n)
	}
}

// TestSlowDiagnosis: an examination that takes its time says so at once, ends with the
// window that says so, and makes way for what was found.
func TestSlowDiagnosis(t *testing.T) {
	found, ended := make(chan Diagnosis), make(chan struct{}, 1)
	s, p := diagnosing(t, func(ctx context.Context, _ string) (Diagnosis, error) {
		select {
		case d := <-found:
			return d, nil
		case <-ctx.Done():
			ended <- struct{}{}
			return Diagnosis{}, ctx.Err()
		}
	})
	s.ShowDiagnosis(t.Context())
	if n := <-p.shown; n.Title != state.Name+" · Diagnostics running" || n.Text != "" || n.Copy != "" || !strings.Contains(n.Hint, "being examined") {
		t.Errorf("%+v", n)
	}
	s.ShowDiagnosis(t.Context()) // who clicks again would only put it off
	found <- Diagnosis{Text: "TEST"}
	if n := <-p.shown; n.Text != "TEST" {
		t.Errorf("%+v", n)
	}
	p.close <- struct{}{}
	s.diagnosis.End()
	s.diagnosis = statewindow.New(s.showDiagnosis, s.options.Now)
	s.ShowDiagnosis(t.Context())
	<-p.shown
	p.close <- struct{}{} // the person needs no answer any more
	<-ended
	s.diagnosis.End()
	if len(p.shown) != 0 {
		t.Errorf("%+v", <-p.shown)
	}
}

// TestNoDiagnosis: where the workstation cannot be examined, the person sees the state, and
// what is copied still names nobody.
func TestNoDiagnosis(t *testing.T) {
	s, p := diagnosing(t, func(context.Context, string) (Diagnosis, error) { return Diagnosis{}, errors.New("TEST") })
	s.Report(t.Context(), true)
	s.ShowDiagnosis(t.Context())
	n := <-p.shown
	if !strings.Contains(n.Text, "cpx-agent doctor") || !strings.Contains(n.Text, "TEST reader") || strings.Contains(n.Copy, "TEST reader") {
		t.Errorf("%+v", n)
	}
}

// TestShowLog: a person whose desktop opens nothing reads where the log is, and copies that.
func TestShowLog(t *testing.T) {
	log := journal.NewLog(t.TempDir(), io.Discard, func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) })
	t.Cleanup(func() { _ = log.Close() })
	s, p := noticed(t, setup{journal: log, inSystemLog: true})
	s.ShowLog(t.Context())
	if n := <-p.shown; n.Copy != log.File() || n.Text != "" || !strings.HasSuffix(n.Hint, "If the log has not opened, it is here:\n"+n.Copy) || !strings.Contains(n.Hint, "journalctl") || n.Label == "" {
		t.Errorf("%+v", n)
	}
}

// TestDiagnosisGoesWithTheCard: what was found may name the card's holder, and is not
// for who comes next.
func TestDiagnosisGoesWithTheCard(t *testing.T) {
	s, p := diagnosing(t, func(context.Context, string) (Diagnosis, error) { return Diagnosis{Text: "TEST"}, nil })
	s.Report(t.Context(), true)
	s.ShowDiagnosis(t.Context())
	<-p.shown
	s.options.Pool.(*fakes.Pool).Set(pkcs11.Snapshot{})
	s.cards.Refresh(t.Context())
	testdesktop.Await(t, p.gone)
}
