package policy

// DefaultPaths are the places macOS has for such files.
func DefaultPaths() Paths {
	return Paths{Machine: "/Library/Application Support/CPxBridge/policy.toml", User: userConfig("CPxBridge", "config.toml")}
}

func platformPolicy() error { return nil }
