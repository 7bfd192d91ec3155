// Package events sends the security events of a running agent to the system's own log,
// where an administrator collects those of many workstations: journald on Linux, the log
// "Application" on Windows. They are taken out of the lines that package audit marks, as
// agent/journal has counted them, so that nobody can flood the system's log through them.
//
// Others than the person read the system's log. What is sent is therefore harmless by
// construction: a text of the catalogue, and of a line's values only those whose key and
// form are known here. It never sends an error's words, a name, a number of a card or an
// account, a path, nor the origin of a site.
//
// Its methods may be called concurrently. They never wait for the system's log: what it
// does not take in time waits in a short queue, and what does not fit is counted.
package events

import (
	"log/slog"

	"github.com/cpx-bridge/cpx-bridge/internal/audit"
	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// Identifier is SYSLOG_IDENTIFIER in journald, and Source the source's name on Windows.
const (
	Identifier = "cpx-agent"
	Source     = "CPxBridge"
)

// Kind is a kind of event. Number, Name and MessageID never change, nor are they given to
// another: collectors filter by them.
type Kind struct {
	Number    uint32 // Windows's event ID, below 1000: see docs/windows.md
	Name      string
	MessageID string // of journald
	Level     slog.Level
	Text      texts.Key
	// Lines are the lines of the log that it stands for; none: the sender says it of itself.
	Lines []Line
}

// Line is a line of the log: its mark, its message, and where only some of these lines
// count an attribute that they must have.
type Line struct {
	Mark       slog.Attr
	Message    string
	Key, Value string
}

// The kinds that the sender says of itself.
var (
	on   = Kind{Number: 10, Name: "events_on", MessageID: "f7257b123fbf42a8b85683672024a2b4", Level: slog.LevelInfo, Text: "events.events_on"}
	off  = Kind{Number: 11, Name: "events_off", MessageID: "85d0b2b3656e4cc9a58396612d972c18", Level: slog.LevelWarn, Text: "events.events_off"}
	lost = Kind{Number: 12, Name: "events_lost", MessageID: "6c19165fd50f4d7a8fbee0273cddb0b7", Level: slog.LevelWarn, Text: "events.events_lost"}
)

// refusedAtStart is said by a start that refuses its settings, which has no log: see Once.
var refusedAtStart = Kind{Number: 200, Name: "settings_refused", MessageID: "07a8c4074380414f915f85da89fd9f3b", Level: slog.LevelError, Text: "events.settings_refused", Lines: []Line{
	{Mark: audit.Setting, Message: "settings are not taken: those from before stay in force"},
}}

// Kinds are all kinds, by their number.
var Kinds = []Kind{
	on, off, lost,
	{Number: 100, Name: "page_refused", MessageID: "e5f8a18f030c41a2abc1c94eb5e2dce7", Level: slog.LevelWarn, Text: "events.page_refused", Lines: []Line{
		{Mark: audit.Refusal, Message: "request refused"},
	}},
	{Number: 101, Name: "page_closed", MessageID: "4b1f41cb195c4327b562e37262e78291", Level: slog.LevelInfo, Text: "events.page_closed", Lines: []Line{
		{Mark: audit.Refusal, Message: "socket closed: the settings refuse its site now"},
	}},
	{Number: 102, Name: "connection_refused", MessageID: "baa4847900b24d439141ff855f90ba94", Level: slog.LevelWarn, Text: "events.connection_refused", Lines: []Line{
		{Mark: audit.Refusal, Message: "connection refused"},
	}},
	{Number: 103, Name: "command_refused", MessageID: "258fcbaeec434e408deaa63c7e52bf18", Level: slog.LevelWarn, Text: "events.command_refused", Lines: []Line{
		{Mark: audit.Refusal, Message: "control connection refused"},
	}},
	refusedAtStart,
	{Number: 201, Name: "setting_not_taken", MessageID: "91de002b5a684a96ae171401eb327000", Level: slog.LevelWarn, Text: "events.setting_not_applied", Lines: []Line{
		{Mark: audit.Setting, Message: "setting not taken"},
		{Mark: audit.Setting, Message: "modules and dialogs of the new settings do not count yet: those from before stay"},
		{Mark: audit.Setting, Message: "pin.session is not used: the PIN is asked each time"},
	}},
	{Number: 202, Name: "settings_good", MessageID: "5661e5368d4d48b8836845151f084934", Level: slog.LevelInfo, Text: "events.settings_good", Lines: []Line{
		{Mark: audit.Setting, Message: "the settings are good again"},
	}},
	{Number: 203, Name: "policy_gone", MessageID: "0a8f0f93423c4f3faaf4a7e1b72277e4", Level: slog.LevelWarn, Text: "events.policy_gone", Lines: []Line{
		{Mark: audit.Setting, Message: "something of the machine's policy was removed"},
	}},
	{Number: 204, Name: "others_may_change", MessageID: "d7769af43f154261b86d6f190f2f2b22", Level: slog.LevelWarn, Text: "events.others_may_change", Lines: []Line{
		{Mark: audit.Setting, Message: "others may change what runs with the person's rights"},
		{Mark: audit.Setting, Message: "others may change the person's settings"},
	}},
	{Number: 205, Name: "protection_missing", MessageID: "ac81fb7a6792447dbb34215b356e0e36", Level: slog.LevelWarn, Text: "events.protection_missing", Lines: []Line{
		{Mark: audit.Setting, Message: "a core dump of this process, or a debugger, may read a PIN"},
		{Mark: audit.Setting, Message: "libraries of other computers, or that sandboxed programs wrote, may be loaded"},
	}},
	{Number: 300, Name: "pin_locked", MessageID: "90e871c3795144bf8298f0e8afec637e", Level: slog.LevelWarn, Text: "events.pin_locked", Lines: []Line{
		{Mark: audit.Failed, Message: "login failed", Key: "reason", Value: "pin_locked"},
	}},
	{Number: 301, Name: "sites_paused", MessageID: "6842e672640148cbbbd70f7898d93e09", Level: slog.LevelWarn, Text: "events.sites_paused", Lines: []Line{
		{Mark: audit.Pause, Message: "sites that are not allowed are paused: too many dialogs were refused, not answered or taken back"},
	}},
	{Number: 302, Name: "pause_over", MessageID: "c28cc53a6e0f4c12abfe263e5c43a835", Level: slog.LevelInfo, Text: "events.pause_over", Lines: []Line{
		{Mark: audit.Pause, Message: "the pause of the sites that are not allowed is over"},
	}},
	{Number: 303, Name: "card_not_locked", MessageID: "3230e623642b46c99af113b12a2ea4f2", Level: slog.LevelWarn, Text: "events.card_not_locked", Lines: []Line{
		{Mark: audit.Card, Message: "the cards could not be locked"},
		{Mark: audit.Card, Message: "the card could not be reset and may stay unlocked until it leaves the reader"},
	}},
	{Number: 400, Name: "program_untrusted", MessageID: "acf78a8e3b064c0d8a8db32b9841ea4c", Level: slog.LevelWarn, Text: "events.program_untrusted", Lines: []Line{
		{Mark: audit.Module, Message: "module does not work", Key: "trusted", Value: "false"},
		{Mark: audit.Failed, Message: "login failed", Key: "detail", Value: "untrusted_owner"},
	}},
}
