// Package windowslab logs in on Windows, on this machine: a WebSocket client for
// Windows, the agent's program as it is built, its own windows, OpenSC as a DLL and our
// virtual reader under a winscard.dll of ours, all in wine. It is for tests on Linux only.
//
// What is not Windows' own there: winscard.dll (testdata/winscard.c, over package
// vreader), and wine. Everything else is real. What wine cannot show (other users and
// sessions, real focus, the vendor's module) a person must try on real Windows.
//
// A [World] is for one test at a time.
package windowslab
