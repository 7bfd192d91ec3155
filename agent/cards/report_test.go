package cards

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/state"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/internal/language"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
	"github.com/cpx-bridge/cpx-bridge/pkcs11/pcsc"
)

// TestReportOfReaders: a reader that has left is named no more, and a service that
// does not answer is named where there is no reader.
func TestReportOfReaders(t *testing.T) {
	read := pkcs11.Snapshot{Slots: []pkcs11.Slot{fakes.EmptySlot}}
	const said = "PC/SC"
	noService := state.NoService
	if runtime.GOOS == "windows" {
		noService = "" // its service ends with the last reader: there is none
	}
	for name, c := range map[string]struct {
		read    pkcs11.Snapshot
		now     pcsc.Event
		readers int
		pcsc    string
	}{
		"there":             {read, fakes.Empty(1), 1, ""},
		"unplugged":         {read, pcsc.Event{}, 0, ""},
		"no service":        {pkcs11.Snapshot{}, pcsc.Event{Err: pcsc.ErrNoService}, 0, noService},
		"refused":           {pkcs11.Snapshot{}, pcsc.Event{Err: pcsc.ErrRefused}, 0, state.NoPermission},
		"the module's word": {read, pcsc.Event{Err: pcsc.ErrNoLibrary}, 1, state.NoService},
	} {
		r := Report(c.read, nil, Chosen{}, c.now)
		if len(r.Readers) != c.readers || r.PCSC != c.pcsc {
			t.Errorf("%s: %+v", name, r)
		}
		for _, lang := range []string{language.French, language.English} {
			if text := r.Text(lang); strings.Contains(text, said) != (c.pcsc != "" && c.readers == 0) {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
	x := New(Options{Pool: &fakes.Pool{Cards: read}, Logger: slog.New(slog.DiscardHandler)})
	x.readers.observe(fakes.Empty(1))
	x.readers.observe(pcsc.Event{Err: pcsc.ErrNoService}) // it was stopped
	var s state.State
	if x.Fill(&s); len(s.Readers) != 0 || s.PCSC != noService {
		t.Errorf("%+v", s)
	}
}

// TestReportOfModules: each failure keeps its reason.
func TestReportOfModules(t *testing.T) {
	for want, err := range map[string]error{
		"no_module": pkcs11.ErrNoModule, "not_pkcs11": pkcs11.ErrNotPKCS11, "module_failed": pkcs11.ErrModuleFailed, "hanging": pkcs11.ErrModuleHangs, "stale_cache": pkcs11.ErrStaleCache, "missing_dependency": pkcs11.ErrMissingDependency,
		"wrong_architecture": pkcs11.ErrWrongArchitecture, "not_loadable": pkcs11.ErrNotLoadable, "internal": errors.New("TEST"),
	} {
		if got := moduleState(pkcs11.ModuleState{Err: fmt.Errorf("x: %w", err)}); got.Reason != want || got.Error == "" {
			t.Errorf("%v: %+v", err, got)
		}
	}
}

// TestUpdate: a report costs no reading where the last one serves; one where no
// event would come and the last is old, one where it is asked for, and none while
// a login runs.
func TestUpdate(t *testing.T) {
	pool, _ := fakes.OneCard(t)
	now := time.Now()
	x := New(Options{Pool: pool, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	if _, err := x.readings.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	free, busy := func() bool { return false }, func() bool { return true }
	for _, step := range []struct {
		name     string
		later    time.Duration
		asked    bool
		busy     func() bool
		readings int
		outdated bool
	}{
		{"fresh", 0, false, free, 0, false},
		{"old, and no event would come", x.Limits.Outdated + 1, false, free, 1, false},
		{"asked for", 0, true, free, 1, false},
		{"asked for during a login", 0, true, busy, 0, true},
		{"during a login", x.Limits.Outdated + 1, false, busy, 0, false},
	} {
		now = now.Add(step.later)
		before := pool.Reads()
		outdated := x.Update(t.Context(), step.asked, step.busy)
		if n := pool.Reads() - before; n != step.readings || outdated != step.outdated {
			t.Errorf("%s: %d readings, outdated %v", step.name, n, outdated)
		}
	}
}

// TestNothingCanBeRead: of a certificate of which nothing can be read, its label and
// the reason are shown, and no date.
func TestNothingCanBeRead(t *testing.T) {
	c, _ := fakes.Certificate(t, 1)
	c.X509, c.Reason, c.Label = &x509.Certificate{Raw: []byte("TEST")}, pkcs11.Unreadable, "TEST label"
	s := pkcs11.Snapshot{Slots: []pkcs11.Slot{c.Slot}, Certificates: []pkcs11.Certificate{c}}
	if fitting := Fitting(s); len(fitting) > 0 || EndsSoon(c) {
		t.Error("a login would take it")
	}
	r := Report(s, nil, ChosenOf(c), pcsc.Event{})
	for _, lang := range []string{language.French, language.English} {
		if text := r.Text(lang); !strings.Contains(text, "TEST label") || !strings.Contains(text, "("+state.ReasonText(state.ReasonUnreadable, lang)+")") || strings.Contains(text, "1970") || strings.Contains(text, "0001") {
			t.Errorf("%s", text)
		}
	}
	if text, err := json.Marshal(r.Certificates); err != nil || strings.Contains(string(text), "notAfter") {
		t.Errorf("%s %v", text, err)
	}
}
