package house

// allowed is what each package may import of this module, leaves of internal/
// aside: the drawing of docs/architecture.md, in rows. Arrows go down; a row
// that would let one go up is a reason to talk about the drawing first.
var allowed = map[string][]string{
	// The agent, from its wiring down.
	"agent": {"agent/desktop", "agent/localcert", "agent/peer", "agent/policy", "agent/prompt", "agent/sites",
		"authtoken", "cps", "pkcs11", "pkcs11/pcsc"},
	"agent/doctor": {"agent", "agent/browsers", "agent/control", "agent/keyring", "agent/localcert", "agent/policy",
		"agent/prompt", "pkcs11", "pkcs11/pcsc"},
	"agent/remote":        {"agent", "agent/control", "agent/sites"},
	"agent/autostart":     nil,
	"agent/browsers":      {"agent/policy"},
	"agent/control":       nil,
	"agent/desktop":       nil,
	"agent/journal":       nil,
	"agent/keyring":       nil,
	"agent/localcert":     {"agent/keyring"},
	"agent/notify":        nil,
	"agent/peer":          nil,
	"agent/policy":        nil,
	"agent/prompt":        {"agent/prompt/dialog"},
	"agent/prompt/dialog": nil,
	"agent/prompt/window": {"agent/prompt/dialog"},
	"agent/sites":         {"agent/keyring", "agent/policy"},

	// The tray is a client of the agent's state.
	"tray": {"agent", "agent/prompt", "agent/sites", "pkcs11"},

	// Cards.
	"pkcs11":      {"pkcs11/pcsc"},
	"pkcs11/pcsc": nil,

	// What portals import, and the reference portal.
	"authtoken": nil,
	"cps":       nil,
	"portal":    {"authtoken", "cps", "js"},
	"js":        nil,
	"js/build":  {"js/bundle"},
	"js/bundle": nil,
}

// never is what a package must not depend on by any way: an alias or a helper
// that brings the server in would pass the rows above.
var never = map[string][]string{
	"agent/control": server,
	"agent/policy":  server,
	"authtoken":     {"agent", "agent/policy", "pkcs11", "portal"},
	"cps":           {"agent", "authtoken", "pkcs11", "portal"},
	"portal":        server,
}

// server is what answers pages and holds cards.
var server = []string{"agent", "pkcs11"}
