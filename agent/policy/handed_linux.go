package policy

import (
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// handed reports whether a path is a pipe that whoever started this program opened for it,
// as `--config <(…)` makes one.
func handed(path string) bool {
	target, err := os.Readlink(path) // proc(5): the kernel's name of a pipe without one
	return err == nil && strings.HasPrefix(target, "pipe:[")
}

// handedContent is what a pipe gives until it is closed. One that gives no answer for that
// long is os.ErrDeadlineExceeded.
func handedContent(path string, patience time.Duration) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // so that a deadline holds
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, maxHanded))
}

// maxHanded is more than any settings need.
const maxHanded = 1 << 20
