// Package nodump keeps a process that holds a PIN or a holder's name out of core
// dumps. It may be called concurrently and never touches another process.
package nodump
