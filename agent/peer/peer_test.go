package peer

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/programname"
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
		if program := pathsOf(c.who.Programs(t.Context())); program != "" || c.who.Seen() != nil {
			t.Errorf("%s: program %q", name, program)
		}
	}
}

// TestTexts: each error of Check has its text and what to do about it, in both
// languages, and what it found stands in it.
func TestTexts(t *testing.T) {
	for _, k := range kinds {
		for _, lang := range []string{"fr", "en"} {
			err := k.is
			if slices.Contains([]error{ErrIntercepted, ErrVirtualLoopback, ErrLoopbackCut}, err) {
				err = &FoundError{Kind: k.is, What: "TEST 100%"}
			}
			why := Why(err, lang)
			if strings.Contains(why, "peer:") || strings.Contains(why, "%!") || strings.Contains(why, "%s") || err != k.is && !strings.Contains(why, "TEST 100%") {
				t.Errorf("%s in %s: %s", k.reason, lang, why)
			}
			if Next(err, lang) == "" || Reason(err) != k.reason {
				t.Errorf("%s in %s: nothing to do, or another reason: %q", k.reason, lang, Reason(err))
			}
		}
	}
}

// TestFindPrograms: a request that is about to ask has the programs looked up beside it,
// and once only.
func TestFindPrograms(t *testing.T) {
	begun := make(chan struct{}, 2)
	i := Self(func(context.Context) []programname.File {
		begun <- struct{}{}
		return []programname.File{{Path: "/TEST"}}
	})
	i.FindPrograms()
	<-begun
	if got := i.Programs(t.Context()); len(got) != 1 || len(begun) != 0 {
		t.Errorf("%v, looked up %d times more", got, len(begun))
	}
	Identity{}.FindPrograms() // of whom nobody can tell
}
