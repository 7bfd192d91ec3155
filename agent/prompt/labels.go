package prompt

// Safe makes text from outside fit to show elsewhere than in a dialog, in at
// most limit characters.
func Safe(text string, limit int) string { return safe(text, limit) }

// SafeOrigin does so for an origin, and keeps the registrable domain whole.
func SafeOrigin(origin string) string { return safeOrigin(origin) }
