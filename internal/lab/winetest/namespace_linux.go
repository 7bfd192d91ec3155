package winetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// namespace is a network, mounts and processes of its own. All of it ends with its first
// process, which ends with us: it reads what only we write.
type namespace struct {
	root   *Root // nil where the programs are this system's
	holder *exec.Cmd
	in     io.Closer // nil once it has ended
}

// isolated prepares a root, which can only be read, but for the folders named: the
// person's files are not there.
const isolated = `
ip link set lo up
system=$1
shift
mount --bind "$system" "$system"
mount -t proc proc "$system/proc"
mount --rbind /dev "$system/dev"
for dir in "$@"; do
	[ -d "$system$dir" ] || mkdir -p "$system$dir"
	mount --bind "$dir" "$system$dir"
done
mount -o remount,bind,ro "$system"`

// hold is what the first process does after that, until we close its input or have ended.
const hold = `
echo ready
read -r _ || :
`

// isolate makes a namespace in which the folders for temporary files and these are as here.
func (r *Root) isolate(folders ...string) (*namespace, error) {
	return start(r, isolated, append([]string{r.system, "/tmp", os.TempDir()}, folders...)...)
}

// start starts the first process, and waits until what it prepares is there.
func start(root *Root, prepares string, args ...string) (*namespace, error) {
	args = append([]string{"--net", "--mount", "--pid", "--fork", "--kill-child", "bash", "-ec", prepares + hold, "winetest"}, args...)
	holder := exec.Command("unshare", args...)
	holder.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	var errs strings.Builder
	holder.Stderr = &errs
	holder.WaitDelay = 5 * time.Second
	in, err := holder.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := holder.Start(); err != nil {
		return nil, err
	}
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		_ = in.Close()
		err := holder.Wait()
		return nil, fmt.Errorf("a namespace for wine: %w: %s", errors.Join(err, errors.New("not ready")), strings.TrimSpace(errs.String()))
	}
	return &namespace{root: root, holder: holder, in: in}, nil
}

// end ends every process of the namespace, and with it mounts and network.
func (n *namespace) end() error {
	if n == nil || n.in == nil {
		return nil
	}
	_ = n.in.Close()
	n.in = nil
	return n.holder.Wait()
}

// inside is the command of a program of this system in the network. Killing the command
// kills it.
func (n *namespace) inside(ctx context.Context, env []string, options []string, args ...string) *exec.Cmd {
	// The holder's children are in the namespace of processes, and it itself is not.
	pid := n.holder.Process.Pid
	flags := []string{fmt.Sprintf("--net=/proc/%d/ns/net", pid), fmt.Sprintf("--pid=/proc/%d/ns/pid_for_children", pid)}
	flags = append(append(flags, options...), "setpriv", "--pdeathsig", "KILL")
	cmd := exec.CommandContext(ctx, "nsenter", append(flags, args...)...)
	cmd.Env = env
	cmd.WaitDelay = 5 * time.Second // programs that it started may hold its output open
	return cmd
}

// command is that of a program that sees the namespace's mounts: of the root, where
// there is one.
func (n *namespace) command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	mounts := []string{fmt.Sprintf("--mount=/proc/%d/ns/mnt", n.holder.Process.Pid)}
	if n.root != nil {
		args = append([]string{"chroot", n.root.system}, args...)
	}
	return n.inside(ctx, env, mounts, args...)
}
