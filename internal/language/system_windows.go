package language

import "golang.org/x/sys/windows"

// systemLanguages are those that Windows speaks to this person, the preferred one first
// (GetUserPreferredUILanguages), by names as fr-FR.
var systemLanguages = func() []string {
	const byName = 0x8 // MUI_LANGUAGE_NAME (winnls.h)
	names, err := windows.GetUserPreferredUILanguages(byName)
	if err != nil {
		return nil
	}
	return names
}
