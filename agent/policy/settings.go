package policy

import (
	"math"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// The bounds of durations. A limit below a second would end modules that work; one
// above ten minutes would let a person wait for a module that does not.
const (
	maxSession         = 4 * time.Hour
	minLimit, maxLimit = time.Second, 10 * time.Minute
)

const (
	absoluteBounds texts.Key = "settings.bound_path"
	portBounds     texts.Key = "settings.bound_port"
	countBounds    texts.Key = "settings.bound_count"
	limitBounds    texts.Key = "settings.bound_limit"
)

// Ports.
const (
	firstPort, lastPort = 1024, math.MaxUint16
	mostPorts           = 100
	defaultPorts        = 10 // in a range of which no count is written
)

// definitions are all settings: the one place where a setting is added.
var definitions = []Definition{
	{
		Key: "modules", Kind: KindPaths, Person: Alone, Default: []string(nil), Bounds: absoluteBounds,
		in:      func(s *Settings) any { return &s.Modules },
		Meaning: "PKCS#11 modules, absolute paths, in order", Otherwise: "the first known place that exists",
	},
	{
		Key: "modules_from_network", Kind: KindSwitch, Person: Never, Default: false,
		in: func(s *Settings) any { return &s.ModulesFromNetwork },
		Meaning: "Windows: whether `modules` and `pinentry` of the machine's policy may be network paths (`\\\\server\\share\\…`), whose server then decides what runs in each person's session; " +
			"accepted from the machine's policy only",
		Otherwise: "`false`",
	},
	{
		Key: "pinentry", Kind: KindPath, Person: Alone, Default: "", Bounds: absoluteBounds,
		in: func(s *Settings) any { return &s.Pinentry },
		Meaning: "a pinentry program, an absolute path, which then asks everything, consent and choice too, without waiting until nobody types; " +
			"of `pinentry-gnome3`, in which Enter is yes, only the PIN",
		Otherwise: "windows of the agent's own; where they cannot be shown, the first found on PATH",
	},
	{
		Key: "lang", Kind: KindText, Default: "", Values: []string{"fr", "en"}, Bounds: "settings.bound_lang",
		in:      func(s *Settings) any { return &s.Lang },
		Meaning: "`fr` or `en`; set by the machine's policy it cannot be changed in the menu",
		Otherwise: "the desktop's: `LC_ALL`, `LC_MESSAGES`, `LANG`; French where those are unset, `C` or `POSIX` as in a script, English for other languages. " +
			"`--lang fr` or `en` of any command but `run` goes before all of it",
	},
	{
		Key: "origins.mode", Kind: KindText, Default: ModeAsk, Values: []string{ModeAsk, ModeListed}, Bounds: "settings.bound_mode",
		in: func(s *Settings) any { return &s.Origins.Mode },
		Meaning: "`ask`: any https site may ask, the person answers each time, or once with \"always\" (below); " +
			"`listed`: only `allow`, all others get 403",
		Otherwise: "`ask`",
	},
	{
		Key: "origins.allow", Kind: KindOrigins, Default: []string(nil),
		in: func(s *Settings) any { return &s.Origins.Allow },
		Meaning: "sites that need no consent dialog. A wildcard stands for one or more labels. A page on `http://localhost` must stand here in mode `ask` too: " +
			"else it gets 403, and the log says `origin_http_not_listed`",
		Otherwise: "none",
	},
	{
		Key: "origins.block", Kind: KindOrigins, Default: []string(nil),
		in:      func(s *Settings) any { return &s.Origins.Block },
		Meaning: "sites that are always refused", Otherwise: "none",
	},
	{
		Key: "ports.first", Kind: KindNumber, Person: Alone, Default: 27720, Least: firstPort, Most: lastPort, Bounds: portBounds,
		in:      func(s *Settings) any { return &s.Ports.First },
		Meaning: "the range of ports; a terminal server needs one for each person logged in", Otherwise: "27720, 10",
	},
	{
		Key: "ports.count", Kind: KindNumber, Person: Alone, Default: defaultPorts, Least: 1, Most: mostPorts, Bounds: countBounds,
		in: func(s *Settings) any { return &s.Ports.Count },
	},
	{
		Key: "pin.session", Kind: KindDuration, Person: Never, Default: time.Duration(0), Most: int64(maxSession), Bounds: "settings.bound_session",
		in:      func(s *Settings) any { return &s.PIN.Session },
		Meaning: "how long a card stays unlocked after a PIN, 4 h at most; accepted from the machine's policy only. See below", Otherwise: "`0s`: the PIN each time",
	},
	{
		Key: "wss.enabled", Kind: KindSwitch, Person: Alone, Default: false,
		in:      func(s *Settings) any { return &s.WSS.Enabled },
		Meaning: "the encrypted socket, for Safari; see below", Otherwise: "`false`, 27820, 10",
	},
	{
		Key: "wss.first", Kind: KindNumber, Person: Alone, Default: 27820, Least: firstPort, Most: lastPort, Bounds: portBounds,
		in: func(s *Settings) any { return &s.WSS.First },
	},
	{
		Key: "wss.count", Kind: KindNumber, Person: Alone, Default: defaultPorts, Least: 1, Most: mostPorts, Bounds: countBounds,
		in: func(s *Settings) any { return &s.WSS.Count },
	},
	{
		Key: "log.level", Kind: KindText, Default: "info", Values: []string{"debug", "info", "warn", "error"}, Bounds: "settings.bound_level",
		in:      func(s *Settings) any { return &s.Log.Level },
		Meaning: "`debug`, `info`, `warn`, `error`", Otherwise: "`info`",
	},
	{
		Key: "log.events", Kind: KindSwitch, Person: Never, Default: false,
		in: func(s *Settings) any { return &s.Log.Events },
		Meaning: "whether security events go to the system's own log: journald, or the event log of Windows; accepted from the machine's policy only. " +
			"See [Security events](#security-events)",
		Otherwise: "`false`",
	},
	{
		Key: "limits.pin_pad", Kind: KindDuration, Person: Alone, Default: 150 * time.Second, Least: int64(minLimit), Most: int64(maxLimit), Bounds: limitBounds,
		in: func(s *Settings) any { return &s.Limits.PINPad },
		Meaning: "how long the card's module may take before its process is ended and started anew: a login on a reader's own pad, " +
			"any other login or signature, everything else",
		Otherwise: "`150s`, `30s`, `10s`",
	},
	{
		Key: "limits.card", Kind: KindDuration, Person: Alone, Default: 30 * time.Second, Least: int64(minLimit), Most: int64(maxLimit), Bounds: limitBounds,
		in: func(s *Settings) any { return &s.Limits.Card },
	},
	{
		Key: "limits.other", Kind: KindDuration, Person: Alone, Default: 10 * time.Second, Least: int64(minLimit), Most: int64(maxLimit), Bounds: limitBounds,
		in: func(s *Settings) any { return &s.Limits.Other },
	},
	{
		Key: "notifications", Kind: KindSwitch, Default: true,
		in: func(s *Settings) any { return &s.Notifications },
		Meaning: "whether the desktop tells what is good to know and is not security: once that the agent is ready, once a week that a card expires soon, " +
			"that no site can be remembered. A person may change it unless the policy sets it. On Linux and Windows",
		Otherwise: "`true`",
	},
	{
		Key: "quit", Kind: KindSwitch, Default: true,
		in: func(s *Settings) any { return &s.Quit },
		Meaning: "whether the menu offers **Quit**. `cpx-agent quit` ends the agent all the same: it is for scripts, and holds nobody off who can end processes of their own. " +
			"A person may change it unless the policy sets it",
		Otherwise: "`true`",
	},
}
