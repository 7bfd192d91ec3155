// Package browserlab plays a login by card in a real Chromium and a real Firefox,
// in a window, with the browser's own question answered by real clicks, and
// compares what the person then reads with what expected.toml states beforehand,
// with its source.
//
// Portal, agent and browsers are real, the card is SoftHSM's; a pinentry that
// answers replaces the person at the card, and a proxy changes the portal's
// headers where a case needs others. It runs on Linux, for one caller at a time,
// and never uses the person's own desktop or profiles.
package browserlab

// Browsers are the browsers of the table.
var Browsers = []string{"Chromium", "Firefox"}

// Options say what to play. Dir and Bin are required.
type Options struct {
	Dir      string // for everything but the pictures; its name must be short, as a socket's must
	Bin      string // the folder of the programs
	Pictures string
	Quick    bool   // only the cells of `make test`
	Rest     bool   // only the others
	Only     string // only cases whose name contains this
	Browser  string // only this browser; "" for all
	Done     func(Row)
}
