package role

import (
	"errors"
	"os"
	"os/exec"
)

// Start starts a process in a role, connected with this one by two pipes that only
// the two share, one for each direction, and returns this one's ends.
//
// The process reads an end of file once its parent is gone, however that ended, and ends
// itself; on Windows it is also ended with it, but for a module's, which has to log the
// card out first. Output that a library prints there never mixes with what is sent on the
// pipes.
func Start(cmd *exec.Cmd) (in, out *os.File, err error) {
	childIn, out, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	in, childOut, err := os.Pipe()
	if err != nil {
		return nil, nil, errors.Join(err, childIn.Close(), out.Close())
	}
	err = attach(cmd, childIn, childOut)
	if err == nil {
		err = cmd.Start()
	}
	_, _ = childIn.Close(), childOut.Close()
	if err != nil {
		_, _ = in.Close(), out.Close()
		return nil, nil, err
	}
	bind(cmd)
	return in, out, nil
}
