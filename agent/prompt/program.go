package prompt

// Program is the dialog program that would be started now: of the settings, or
// the first that fits. It is for those who look at a workstation.
func Program(setting string) (string, error) {
	return NewPinentry(PinentryOptions{Program: setting}).find("GETPIN")
}
