// Package sharepath says whether a path leads to another computer: a library from there
// runs here whatever that computer gives, and to ask for it shows that computer who asks.
//
// It may be called from any goroutine, opens no file and asks no other computer.
package sharepath
