package filewatch

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// inMounts names the folder in which TestFollowTwoMounts has mounts of its own.
const inMounts = "CPX_TEST_MOUNTS"

// TestFollowTwoMounts: a file whose link leads to a folder that is mounted in two places is
// followed under both names, and following it ends.
func TestFollowTwoMounts(t *testing.T) {
	top := os.Getenv(inMounts)
	if top == "" {
		if os.Getuid() != 0 {
			t.Skip("a mount needs root")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second) // for ever, where it fails
		defer cancel()
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestFollowTwoMounts$")
		cmd.Env = append(os.Environ(), inMounts+"="+t.TempDir())
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v %s", err, out)
		}
		return
	}
	folder, second := filepath.Join(top, "folder"), filepath.Join(top, "second")
	do(t, os.Mkdir(folder, 0o700), os.Mkdir(second, 0o700), syscall.Mount(folder, second, "", syscall.MS_BIND, ""))
	file, other := filepath.Join(folder, "policy.toml"), filepath.Join(second, "other.toml")
	do(t, write(other, "1"), os.Symlink(other, file))
	ctx, cancel := context.WithCancel(t.Context())
	seen, ended := make(chan string, 1000), make(chan error, 1)
	go func() { ended <- Follow(ctx, []string{file}, func() { seen <- now(file) }) }()
	noticed := func(want string) {
		t.Helper()
		for last := ""; last != want; {
			select {
			case last = <-seen:
			case <-time.After(10 * time.Second):
				t.Fatalf("%s, want %s", last, want)
			}
		}
	}
	noticed("1 600")
	for i := 2; i < 5; i++ {
		do(t, write(other, fmt.Sprint(i)))
		noticed(fmt.Sprint(i, " 600"))
	}
	do(t, os.Remove(file), write(file, "5"))
	noticed("5 600")
	do(t, write(file, "6")) // the other name is wanted no longer
	noticed("6 600")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
