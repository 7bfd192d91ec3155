package peer

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// TestIdentity: nobody is the person by default, and another user has a name in the log,
// where what is not known is not shown.
func TestIdentity(t *testing.T) {
	account, process := slog.Uint64("uid", 65534), slog.String("process", "4120")
	for name, c := range map[string]struct {
		who  Identity
		same bool
		log  string
	}{
		"nobody":            {Identity{}, false, "msg=refused last=1"},
		"this person":       {Self(nil), true, "msg=refused last=1"},
		"another":           {OtherUser(account, slog.Attr{}), false, "msg=refused uid=65534 last=1"},
		"another's process": {OtherUser(account, process), false, "msg=refused uid=65534 process=4120 last=1"},
	} {
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Warn("refused", c.who.Account(), c.who.Process(), "last", 1)
		if c.who.SamePerson() != c.same || !strings.Contains(log.String(), c.log) {
			t.Errorf("%s: the same person %v: %s", name, c.who.SamePerson(), &log)
		}
		if program := c.who.Program(t.Context()); program != "" || c.who.Seen() != "" {
			t.Errorf("%s: program %q", name, program)
		}
	}
}
