package dirs

import "os"

const (
	configName = ownName
	machine    = "" // its policy is in the registry
)

func localData() string { return absolute("LOCALAPPDATA") }

// ConfigHome is the folder of all programs' settings of one person.
func ConfigHome() (string, error) { return os.UserConfigDir() }
