// Package audit marks the lines of the log that tell who was let in, who was refused,
// and what changed in that: agent/journal keeps them in files of their own, where no
// other line can push them out. A mark is the last attribute of a call:
//
//	log.Warn("request refused", "reason", reason, audit.Refusal)
package audit

import "log/slog"

// Key is the key of a mark.
const Key = "audit"

// The marks.
var (
	Agent   = slog.String(Key, "agent")   // the agent begins or ends
	Signed  = slog.String(Key, "signed")  // a login for which a person entered the PIN or consented; never counted
	Failed  = slog.String(Key, "failed")  // a login that ended without a token
	Refusal = slog.String(Key, "refusal") // nobody was asked, and nothing done
	Pause   = slog.String(Key, "pause")   // nobody is asked for a while
	Setting = slog.String(Key, "setting") // a setting that was not taken, or taken in spite of something
	Module  = slog.String(Key, "module")  // a module or dialog program that was not taken, or failed
	Site    = slog.String(Key, "site")    // what is remembered of a site
	Card    = slog.String(Key, "card")    // a card that stays logged in, or was to be locked
)
