package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/agent/prompt"
	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/fakes"
	"github.com/cpx-bridge/cpx-bridge/internal/reference"
	"github.com/cpx-bridge/cpx-bridge/pkcs11"
)

// lines is a log that a test reads while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *lines) with(part string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, part) {
			found = append(found, line)
		}
	}
	return found
}

// TestReferenceOfEachFailure: whatever ends a login, its page gets a reference of its own,
// of which one line of the log tells, with the code; what a person may call a hotline about
// stands in the state, the newest first, and what they ended themselves does not.
func TestReferenceOfEachFailure(t *testing.T) {
	pool, person := fakes.OneCard(t)
	log := &lines{}
	s := serve(t, setup{pool: pool, person: person, logTo: log})
	p := openPage(t, s, listedOrigin)
	seen := map[string]bool{}
	var states []string
	for i, c := range []struct {
		name   string
		err    error // of the card
		panics bool
		person bool // ended it
		code   int
	}{
		{name: "cancelled", err: prompt.ErrCancelled, person: true, code: protocol.CodeCancelled},
		{name: "timeout", err: prompt.ErrTimeout, code: protocol.CodeTimeout},
		{name: "locked", err: pkcs11.ErrPINLocked, code: protocol.CodePINLocked},
		{name: "removed", err: pkcs11.ErrCardRemoved, code: protocol.CodeCardRemoved},
		{name: "module", err: fmt.Errorf("%w: TEST", pkcs11.ErrModuleFailed), code: protocol.CodeModuleFailed},
		{name: "no dialog", err: fmt.Errorf("%w: TEST", prompt.ErrUnavailable), code: protocol.CodePromptFailed},
		{name: "unforeseen", err: errors.New("TEST"), code: protocol.CodeInternal},
		{name: "panic", panics: true, code: protocol.CodeInternal},
	} {
		pool.Signing = func(context.Context, pkcs11.Request) (pkcs11.Signature, error) {
			if c.panics {
				panic("played")
			}
			return pkcs11.Signature{}, c.err
		}
		p.authenticate(i)
		a := p.answer()
		if a.Error == nil || a.Error.Code != c.code || a.Error.Data == nil {
			t.Fatalf("%s: %+v", c.name, a.Error)
		}
		ref := a.Error.Data.Reference
		if !reference.Is(ref) || seen[ref] {
			t.Errorf("%s: %q is no reference of its own", c.name, ref)
		}
		seen[ref] = true
		one := regexp.MustCompile(fmt.Sprintf(`^time=\S+ level=INFO msg="login failed" .* code=%d reason=%s .*reference=%s audit=failed\n$`, c.code, a.Error.Data.Reason, ref))
		if found := log.with(ref); len(found) != 1 || !one.MatchString(found[0]) {
			t.Errorf("%s: %q", c.name, found)
		}
		if !c.person {
			states = append([]string{ref}, states...)
		}
	}
	var shown []string
	for _, f := range s.State().Failures {
		shown = append(shown, f.Reference)
	}
	if want := states[:5]; strings.Join(shown, " ") != strings.Join(want, " ") {
		t.Errorf("the state has %v, want %v", shown, want)
	}
}

// TestReferenceOfRefusals: a second login on one connection, and each of those that wait
// when the person refuses their site, have references of their own, though one error ends
// them all.
func TestReferenceOfRefusals(t *testing.T) {
	pool, person := fakes.OneCard(t)
	refuse := make(chan struct{})
	person.OnConsent = func(ctx context.Context, _ prompt.Caller) error {
		select {
		case <-refuse:
			return prompt.ErrCancelled
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	log := &lines{}
	s := serve(t, setup{settings: askSettings, pool: pool, person: person, logTo: log})
	first, second := openPage(t, s, otherOrigin), openPage(t, s, otherOrigin)
	first.authenticate(1)
	first.progress(protocol.AskingConsent)
	first.authenticate(2)
	busy := first.answer()
	want(t, busy, protocol.CodeBusy)
	second.authenticate(3)
	close(refuse)
	one, other := first.answer(), second.answer()
	want(t, one, protocol.CodeConsentDenied)
	want(t, other, protocol.CodeConsentDenied)
	refs := map[string]bool{}
	for _, a := range []testAnswer{busy, one, other} {
		refs[a.Error.Data.Reference] = true
		if found := log.with("reference=" + a.Error.Data.Reference); len(found) != 1 {
			t.Errorf("%q", found)
		}
	}
	if len(refs) != 3 {
		t.Errorf("%v", refs)
	}
	if f := s.State().Failures; len(f) != 0 {
		t.Errorf("nothing failed: %+v", f)
	}
	// What is no login's failure bears none: there is no line of the log about it.
	first.send(`{"jsonrpc":"2.0","id":9,"method":"TEST"}`)
	if a := first.answer(); a.Error == nil || a.Error.Data != nil {
		t.Errorf("%+v", a.Error)
	}
}
