// Package agent is the bridge between a page in the browser and the card.
//
// A program loads the person's settings, opens a pool of PKCS#11 modules, makes a
// [Server] of them with [New] and lets it [Server.Serve] until its context ends.
// [Options] say what a server takes; the zero value of what is optional is what a
// person's own agent does. Program cmd/cpx-agent does so.
//
// # What is where
//
// The work is done in packages of its own, which know nothing of each other's
// inside:
//
//   - gate lets pages connect: it listens on loopback, and refuses other users of
//     the machine, other sites than the settings allow, and too many of them;
//   - protocol has the messages that page and agent exchange, and the error codes;
//   - login does one authentication: it asks the person, signs, and makes the token;
//   - cards knows what is in the readers, and which certificate to take;
//   - state is what the menu, the command line and a second start are told.
//
// What is here is their wiring, and a page's connection.
//
// # What it never does
//
// It signs nothing but its own structure over the origin that the browser states
// and the portal's nonce. It answers no process of another user, and listens
// nowhere but on loopback. It sees a PIN no longer than it takes to hand it from
// the dialog to the card. While a person is asked it holds no mutex, nor a module but for
// the login of a PIN pad.
//
// # Errors
//
// New fails with the errors of peer.Check on a system that does not tell who
// connects, and with gate.ErrNoPort. Serve returns nil when its
// context ended, and an error when no page can be heard any more. What goes wrong
// in a login is the page's to hear, by the codes of package protocol.
//
// # Concurrency
//
// A Server may be used from any goroutine. Serve is called once.
//
// # Compatibility
//
// What pages speak is version 1 of the protocol, and stays: a page that works with
// this agent works with a later one. The module follows semantic versioning: before
// v1.0.0 a minor version may change the functions and types.
package agent
