package policy

import (
	"errors"

	"golang.org/x/sys/windows/registry"
)

const policyKey = `SOFTWARE\Policies\CPxBridge`

// platformPolicy fails closed: this version does not read a policy in the registry,
// and an agent that started without it would allow more than its administrator does.
func platformPolicy() error {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, policyKey, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &SettingsError{File: `HKLM\` + policyKey, Text: "cannot be read: " + err.Error()}
	}
	_ = key.Close()
	return &SettingsError{File: `HKLM\` + policyKey, Text: "this version does not read the machine's policy from the registry yet"}
}
