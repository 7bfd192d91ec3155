package prompt

// Program is the dialog program that would ask for the PIN now: of the settings,
// or the first that fits. It is for those who look at a workstation. Where there
// is a display a terminal does not count: it is that of whoever looks, and the
// agent that started with the desktop has none.
func Program(setting string) (string, error) {
	return NewPinentry(PinentryOptions{Program: setting}).among("GETPIN", terminal() != "" && !hasDisplay())
}

// Installed is the program that would ask for the PIN on a desktop, for those who
// look at a workstation from a place without one.
func Installed(setting string) (string, error) {
	return NewPinentry(PinentryOptions{Program: setting}).first(onDisplay("GETPIN"))
}

// OwnWindow tells whether a window of ours would ask all but the PIN, as far as
// settings and environment say.
func OwnWindow(setting string) bool {
	return hasDisplay() && !AsksAll(setting)
}

// AsksAll tells whether the program of the settings asks all questions, on a
// desktop too.
func AsksAll(setting string) bool { return onlyPinentry(setting) }

// onlyPinentry says that the settings leave no window of our own: the program
// asks everything, unless a stray Enter would be yes in it.
func onlyPinentry(setting string) bool { return setting != "" && !entersYes(setting) }
