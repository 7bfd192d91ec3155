// Package childpipe joins this program with a process that it starts in another
// role: two pipes that only the two share, one for each direction.
//
// The child's end of file says that the parent is gone. What the child, or a
// library in it, prints never gets between what is said on the pipes. Ends is
// for a child, once; Start may be called from any goroutine.
package childpipe

import (
	"errors"
	"os"
	"os/exec"
)

// Start starts cmd with its ends of two new pipes, and returns the parent's.
func Start(cmd *exec.Cmd) (in, out *os.File, err error) {
	childIn, out, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	in, childOut, err := os.Pipe()
	if err != nil {
		return nil, nil, errors.Join(err, childIn.Close(), out.Close())
	}
	attach(cmd, childIn, childOut)
	err = cmd.Start()
	_, _ = childIn.Close(), childOut.Close()
	if err != nil {
		_, _ = in.Close(), out.Close()
		return nil, nil, err
	}
	return in, out, nil
}
