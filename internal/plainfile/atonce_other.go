//go:build !unix

package plainfile

// atOnce is nothing where opening waits for nobody.
const atOnce = 0
