package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/agent/protocol"
	"github.com/cpx-bridge/cpx-bridge/agent/state"
)

// TestFailuresHaveTexts: a person reads of each failure that the state may show, in both
// languages, what failed, when, and its reference.
func TestFailuresHaveTexts(t *testing.T) {
	at := time.Date(2026, 11, 29, 4, 31, 0, 0, time.Local)
	for code, reason := range protocol.Reasons() {
		switch code {
		case protocol.CodeCancelled, protocol.CodeConsentDenied, protocol.CodeBusy: // which it does not
			continue
		}
		var said []string
		for _, lang := range []string{"fr", "en"} {
			s := state.State{Failures: []state.LoginFailure{{Time: at, Code: code, Reason: reason, Reference: "K7M4PX"}}}
			text := s.FailuresText(lang)
			if !strings.Contains(text, "2026-11-29 04:31") || !strings.Contains(text, "K7M4PX") || strings.Contains(text, reason) && strings.Contains(reason, "_") {
				t.Errorf("%s: %q", reason, text)
			}
			said = append(said, text)
		}
		if said[0] == said[1] || strings.Contains(said[0], "· "+reason+" (") {
			t.Errorf("%s has no words: %q", reason, said)
		}
	}
	s := state.State{Failures: []state.LoginFailure{{Time: at, Reason: "pin_locked", Reference: "K7M4PX"}}}
	if text := s.Lead("en", at.Add(10*time.Minute)); !strings.Contains(text, "K7M4PX") {
		t.Error(text)
	}
	if text := s.Lead("en", at.Add(time.Hour)); text != s.Plain("en") {
		t.Error(text)
	}
	if (state.State{}).FailuresText("fr") != "" {
		t.Error("something is said of nothing")
	}
}
