package cardlogin_test

import (
	"strings"
	"testing"
)

// TestLogWithoutCause: a refusal that has no cause has none in the log.
func TestLogWithoutCause(t *testing.T) {
	s := newSite(t, nil)
	if _, _, err := s.browser().Get("/auth/nothing"); err != nil {
		t.Fatal(err)
	}
	if log := s.logged(); !strings.Contains(log, "reason=not_found") || strings.Contains(log, "nil") {
		t.Error(log)
	}
}
