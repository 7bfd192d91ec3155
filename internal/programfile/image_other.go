//go:build !linux

package programfile

// ownImage is nothing: the path alone leads to the file that this process was started from.
const ownImage = ""
