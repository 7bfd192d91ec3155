package policy

// DefaultPaths are the files of protocol.md.
func DefaultPaths() Paths {
	return Paths{Machine: "/etc/cpx-bridge/policy.toml", User: userConfig("cpx-bridge", "config.toml")}
}

func platformPolicy() error { return nil }
