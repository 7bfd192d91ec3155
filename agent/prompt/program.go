package prompt

// Program is the dialog program that would ask for the PIN now: the one in the
// settings, or the first that suits. It is for reports on a workstation. Where there
// is a display, a terminal does not count: it belongs to the person who runs the
// report, and an agent that started with the desktop has none.
func Program(setting string) (string, error) {
	return NewPinentry(PinentryOptions{Program: setting}).among("GETPIN", terminal() != "" && !hasDisplay())
}

// Installed is the program that would ask for the PIN on a desktop, for reports from
// a shell without one.
func Installed(setting string) (string, error) {
	return NewPinentry(PinentryOptions{Program: setting}).first(onDisplay("GETPIN"))
}

// OwnWindow reports whether a window of ours would ask all but the PIN, as far as
// settings and environment tell.
func OwnWindow(setting string) bool {
	return hasDisplay() && !AsksAll(setting)
}

// AsksAll reports whether the program in the settings asks all questions, even on a
// desktop.
func AsksAll(setting string) bool { return onlyPinentry(setting) }

// onlyPinentry reports whether the settings exclude windows of our own: their program
// asks everything, unless it accepts a stray Enter as yes.
func onlyPinentry(setting string) bool { return setting != "" && !defaultsToYes(setting) }
