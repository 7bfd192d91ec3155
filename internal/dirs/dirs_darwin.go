package dirs

const (
	configName = ownName
	machine    = "/Library/Application Support/CPxBridge"
)

// ConfigHome is the folder of all programs' settings of one person.
func ConfigHome() (string, error) { return inHome("Library", "Application Support") }
