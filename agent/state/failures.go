package state

import (
	"fmt"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// FailuresText is the last logins that failed, for a person, "" where there are none.
func (s State) FailuresText(lang string) string {
	if len(s.Failures) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(texts.In(lang).Text("state.last_failures") + "\n")
	for _, f := range s.Failures {
		b.WriteString("    " + f.text(lang) + "\n")
	}
	return b.String()
}

// text is one of them: when, its reference, what failed.
func (f LoginFailure) text(lang string) string {
	say := texts.In(lang)
	why, known := say.Code("state.login_failed", f.Reason)
	if !known {
		why = f.Reason
	}
	return say.Text("state.last_failure", f.Time.Local().Format("2006-01-02 15:04"), f.Reference, why, fmt.Sprint(f.Code))
}

// recent is how long a failure is what a person opens the window with the state for.
const recent = 15 * time.Minute

// Lead is what the window with the state says first: the state in plain words, and the last
// login that failed, where that is recent.
func (s State) Lead(lang string, now time.Time) string {
	if len(s.Failures) == 0 || now.Sub(s.Failures[0].Time) > recent {
		return s.Plain(lang)
	}
	return s.Plain(lang) + "\n\n" + texts.In(lang).Text("state.latest_failure") + "\n" + s.Failures[0].text(lang)
}
