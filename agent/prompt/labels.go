package prompt

// Safe makes text from outside safe to show outside of dialogs, in at most limit
// characters.
func Safe(text string, limit int) string { return safe(text, limit) }

// SafeDomain does so for a domain.
func SafeDomain(name string) string { return safe(name, maxLong) }

// SafeOrigin does so for an origin, whose registrable domain it never shortens.
func SafeOrigin(origin string) string { return safeOrigin(origin) }
