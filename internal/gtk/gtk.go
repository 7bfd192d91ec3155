// Package gtk loads the desktop's toolkit, GTK 3, at its first use. This program is started anew
// for each role, and most processes show nothing: linked as usual, each would load the seventy
// libraries of the toolkit before its first instruction, which is most of the time and of the
// memory that such a process takes.
//
// The program is linked with a jump for each function of the toolkit that is called anywhere in
// it (functions_linux.h), and so with none of its libraries. [Load] comes before the first of
// these calls; a call before it ends the process. A function that is called and not listed has
// the linker bring the libraries back, which TestUnlinkedLibraries of cmd/cpx-agent notices.
//
// Load may be called concurrently. The package never initialises the toolkit and opens no display.
package gtk

// MissingError says that the toolkit, or a function of it, is not on this computer.
type MissingError struct {
	What string // the library or the function, and why it cannot be loaded, in the loader's words
}

func (e *MissingError) Error() string { return "gtk: the toolkit cannot be loaded: " + e.What }
