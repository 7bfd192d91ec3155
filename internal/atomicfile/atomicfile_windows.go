package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// A file that somebody has open cannot be replaced, nor opened while it is being
// replaced. Our own processes need microseconds, virus scanners some hundred
// milliseconds.
const (
	patience = 2 * time.Second
	pause    = 5 * time.Millisecond
)

// patiently repeats do while it fails because another process uses the file.
func patiently(do func() error) error {
	limit := time.Now().Add(patience)
	for {
		err := do()
		if err == nil || !inUse(err) || time.Now().After(limit) {
			return err
		}
		time.Sleep(pause)
	}
}

func inUse(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
}

// SetOwner does nothing: a folder says who may do what with its files.
func SetOwner(*os.File, fs.FileInfo) error { return nil }

func syncFolder(string) {}
