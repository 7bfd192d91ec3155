package wintable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// limit is how long one package's tests may take, and building them.
const limit = 10 * time.Minute

// GoTest runs go test -json of some packages in the repository, and reports each of them:
// also one of which go test sent nothing, as not tried. What ended otherwise than by
// itself, with the status of good tests or of bad ones, is an error.
func GoTest(ctx context.Context, env, packages, flags []string, report func(Tested)) error {
	args := append([]string{"test", "-json", "-count=1", "-timeout", limit.String()}, append(flags, packages...)...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	// With all that it started: go test itself would wait for programs that wait.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var reported []string
	err = ReadEvents(out, func(p Tested) {
		reported = append(reported, p.Package)
		report(p)
	})
	_, _ = io.Copy(io.Discard, out) // what nobody reads would hold go test up
	ended := cmd.Wait()
	why := "go test sent nothing of it"
	if ended != nil {
		why += ": " + ended.Error()
	}
	for _, name := range packages {
		if !slices.Contains(reported, name) {
			report(Tested{Package: name, Why: why})
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	// A failing test's status is 1: the table says which.
	var status *exec.ExitError
	if errors.As(ended, &status) && status.ExitCode() == 1 {
		ended = nil
	}
	if err := errors.Join(err, ended); err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return nil
}
