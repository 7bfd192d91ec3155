package house

// allowed is what each package may import of this module, leaves of internal/
// aside: the drawing of docs/architecture.md, in rows. Arrows go down; a row
// that would let one go up is a reason to talk about the drawing first.
var allowed = map[string][]string{
	// The agent, from its wiring down.
	"agent": {"agent/cards", "agent/desktop", "agent/gate", "agent/journal", "agent/localcert", "agent/login", "agent/peer", "agent/policy", "agent/prompt",
		"agent/protocol", "agent/sites", "agent/state", "agent/statewindow", "pkcs11/pcsc"},
	"agent/gate": {"agent/localcert", "agent/peer", "agent/policy"},
	"agent/login": {"agent/cards", "agent/peer", "agent/policy", "agent/prompt", "agent/protocol",
		"agent/sites", "agent/state", "authtoken", "cps", "pkcs11"},
	"agent/cards":       {"agent/protocol", "agent/state", "cps", "pkcs11", "pkcs11/pcsc"},
	"agent/protocol":    {"agent/prompt", "authtoken", "pkcs11"},
	"agent/statewindow": nil,

	// Clients of the agent's state.
	"agent/state": {"agent/prompt", "cps"},
	"agent/doctor": {"agent/browsers", "agent/control", "agent/desktop", "agent/events", "agent/journal", "agent/keyring", "agent/localcert", "agent/peer", "agent/policy",
		"agent/prompt", "agent/state", "pkcs11", "pkcs11/pcsc"},
	"agent/remote": {"agent/control", "agent/sites", "agent/state"},
	"agent/command": {"agent/autostart", "agent/browsers", "agent/cards", "agent/control", "agent/doctor", "agent/events", "agent/everyone", "agent/journal", "agent/keyring",
		"agent/localcert", "agent/peer", "agent/policy", "agent/prompt", "agent/remote", "agent/sites", "agent/state", "agent/supervisor", "pkcs11", "pkcs11/pcsc"},
	"tray": {"agent/prompt", "agent/state", "cps"},

	"agent/autostart":     nil,
	"agent/browsers":      {"agent/policy"},
	"agent/control":       nil,
	"agent/desktop":       nil,
	"agent/journal":       nil,
	"agent/keyring":       nil,
	"agent/localcert":     {"agent/keyring"},
	"agent/events":        {"agent/policy"},
	"agent/everyone":      nil,
	"agent/notify":        nil,
	"agent/peer":          nil,
	"agent/policy":        nil,
	"agent/prompt":        {"agent/prompt/dialog"},
	"agent/prompt/dialog": nil,
	"agent/prompt/window": {"agent/prompt/dialog"},
	"agent/sites":         {"agent/keyring", "agent/policy"},
	"agent/supervisor":    nil,

	// Cards.
	"pkcs11":      {"pkcs11/pcsc"},
	"pkcs11/pcsc": nil,

	// What portals import, and the reference portal.
	"authtoken":             nil,
	"authtoken/challenge":   {"authtoken"},
	"authtoken/revocation":  {"authtoken"},
	"cardlogin":             {"authtoken", "authtoken/challenge", "cps"},
	"cps":                   nil,
	"portal":                {"authtoken", "authtoken/challenge", "authtoken/revocation", "portal/administration", "portal/answers", "portal/auditlog", "portal/auth", "portal/metrics", "portal/pages", "portal/passwords", "portal/sessions", "portal/settings", "portal/store"},
	"portal/administration": {"portal/passwords", "portal/settings", "portal/store"},
	"portal/answers":        nil,
	"portal/auth":           {"authtoken", "authtoken/challenge", "cardlogin", "cps", "portal/answers", "portal/auditlog", "portal/sessions", "portal/settings", "portal/store"},
	"portal/names":          nil,
	"portal/pages":          {"cps", "js", "portal/answers", "portal/auditlog", "portal/names", "portal/passwords", "portal/sessions", "portal/settings", "portal/store"},
	"portal/commandline":    {"portal", "portal/administration", "portal/settings", "portal/trust"},
	"portal/passwords":      {"portal/store"},
	"portal/sessions":       {"portal/store"},
	"portal/settings":       {"authtoken", "authtoken/revocation", "portal/network"},
	"portal/auditlog":       {"portal/network", "portal/store"},
	"portal/metrics":        nil,
	"portal/network":        nil,
	"portal/store":          {"authtoken/revocation"},
	"portal/trust":          nil,
	"js":                    nil,
	"js/build":              {"js/bundle"},
	"js/bundle":             nil,

	// For the tests of portals: it makes cards of TEST people.
	"cardlogin/cardlogintest": {"authtoken", "cps", "internal/kit/demopki"},

	// What makes the administrative templates of group policy.
	"packaging/admx": {"agent/browsers", "agent/policy"},

	// What a release holds.
	"packaging/release":        {"packaging/supply"},
	"packaging/supply":         nil,
	"packaging/supply/notices": {"packaging/supply"},

	// What makes the Windows programs' icon, version and manifest.
	"packaging/windows/msi":       {"tray"},
	"packaging/windows/resources": {"tray"},
}

// never is what a package must not depend on by any way: an alias or a helper
// that brings the server in would pass the rows above.
var never = map[string][]string{
	"agent/control": server,
	"agent/remote":  server,
	"agent/state":   server,
	"tray":          server,
	"agent/policy":  server,
	"agent/command": {"agent", "agent/gate", "agent/login", "agent/prompt/window", "tray"},
	"agent/gate":    {"agent", "agent/login", "agent/cards", "pkcs11"},
	"agent/login":   {"agent", "agent/gate"},
	"agent/cards":   {"agent", "agent/gate", "agent/login"},
	"authtoken":     {"agent", "agent/policy", "pkcs11", "portal"},
	"cps":           {"agent", "authtoken", "pkcs11", "portal"},
	"portal":        {"agent", "pkcs11"},
	"portal/store":  {"portal/settings"},
}

// server is what answers pages and holds cards.
var server = []string{"agent", "agent/gate", "agent/login", "agent/cards", "pkcs11", "authtoken"}
