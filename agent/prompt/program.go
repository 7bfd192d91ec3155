package prompt

// Program is the dialog program that would ask for the PIN now: of the settings,
// or the first that fits. It is for those who look at a workstation. Where there
// is a display a terminal does not count: it is that of whoever looks, and the
// agent that started with the desktop has none.
func Program(setting string) (string, error) {
	return NewPinentry(PinentryOptions{Program: setting}).among("GETPIN", terminal() != "" && !hasDisplay())
}

// OwnWindow tells whether a window of ours would ask all but the PIN, as far as
// settings and environment say.
func OwnWindow(setting string) bool {
	return hasDisplay() && !onlyPinentry(setting)
}

// onlyPinentry says that the settings leave no window of our own: the program
// asks everything, unless a stray Enter would be yes in it.
func onlyPinentry(setting string) bool { return setting != "" && !entersYes(setting) }
