// Package browserlab plays a login by card in a real Chromium and a real Firefox,
// in a window, with the browser's own question answered by real clicks, and
// compares what the person then reads with what expected.toml says, with its
// source, before the run.
//
// Portal, agent, card and browsers are the real ones; a pinentry that answers
// stands for the person at the card, and a proxy for a portal whose headers are
// not the reference portal's. It runs on Linux, for one caller at a time.
package browserlab

// Browsers are the columns.
var Browsers = []string{"Chromium", "Firefox"}

// Options say what to play. Dir and Bin are required.
type Options struct {
	Dir      string // for everything but the pictures; its name is short, as a socket's is
	Bin      string // where the programs are
	Pictures string
	Quick    bool   // only the cells of `make test`
	Only     string // cases whose name holds this
	Browser  string // this one only
	Done     func(Row)
}
