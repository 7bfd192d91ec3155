package packages

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// archive is where the roots are made from; DEBIAN_MIRROR names another.
const archive = "http://deb.debian.org/debian"

// patience bounds one command in a root.
const patience = 5 * time.Minute

// programs are what roots need of this system.
var programs = []string{"mmdebstrap", "unshare", "nsenter", "setpriv", "ip", "dpkg-deb"}

// plain is the root of a smallest Debian, with what a package needs lying ready in apt's
// cache; prepared is the same with that installed. Both are made once and only read from
// then on.
func plain(ctx context.Context, suite, deb string) (string, error) {
	if os.Geteuid() != 0 {
		return "", fmt.Errorf("%w: a root of its own, with mounts and a network of its own, needs root (sudo)", ErrNotHere)
	}
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			return "", fmt.Errorf("%w: %s is missing: scripts/setup packages installs it", ErrNotHere, name)
		}
	}
	needs, err := exec.CommandContext(ctx, "dpkg-deb", "-f", deb, "Pre-Depends", "Depends", "Recommends").Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", deb, err)
	}
	// What it is made of is in its name: after a change there is another.
	sum := sha256.Sum256([]byte(suite + string(needs) + "1"))
	cache, err := filepath.Abs(filepath.Join("build", "packages"))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	dir := filepath.Join(cache, fmt.Sprintf("%s-%x", suite, sum[:4]))
	from := archive
	if own := os.Getenv("DEBIAN_MIRROR"); own != "" {
		from = own
	}
	return dir, winetest.Once(dir, func(dir string) error {
		return outside(ctx, `
mmdebstrap --quiet --variant=minbase --include=apt-utils --aptopt='Acquire::Retries 3' \
	--skip=cleanup/apt/lists,cleanup/apt/cache \
	--customize-hook='cp "$DEB" "$1/tmp/package.deb"' \
	--customize-hook='chroot "$1" apt-get -y -o APT::Install-Recommends=true install --download-only /tmp/package.deb' \
	--customize-hook='rm "$1/tmp/package.deb"' \
	"$SUITE" "$DIR" "$FROM"
printf '#!/bin/sh\nexit 101\n' >"$DIR/usr/sbin/policy-rc.d" # nothing is started by a package
chmod 755 "$DIR/usr/sbin/policy-rc.d"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$DIR/etc/hosts"
`, "DIR="+dir, "SUITE="+suite, "FROM="+from, "DEB="+deb)
	})
}

func prepared(ctx context.Context, suite, deb string) (string, error) {
	base, err := plain(ctx, suite, deb)
	if err != nil {
		return "", err
	}
	dir := base + "-prepared"
	return dir, winetest.Once(dir, func(dir string) error {
		return outside(ctx, `
cp -a "$BASE" "$DIR"
cp "$DEB" "$DIR/tmp/package.deb"
mount -t proc proc "$DIR/proc"
mount --rbind /dev "$DIR/dev"
names=$(chroot "$DIR" apt-get -s install /tmp/package.deb | awk '/^Inst / && $2 != "cpx-bridge" { print $2 }')
chroot "$DIR" apt-get -y --no-download --no-install-recommends install $names
chroot "$DIR" apt-mark auto $names
rm "$DIR/tmp/package.deb"
umount -R "$DIR/dev" "$DIR/proc"
`, "DIR="+dir, "BASE="+base, "DEB="+deb)
	})
}

// outside runs a script on this system, in mounts and processes of its own, so that
// nothing of them remains where it is interrupted.
func outside(ctx context.Context, script string, env ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 4*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "bash", "-ec", script)
	cmd.Env = append(os.Environ(), append(env, "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("a root: %w\n%s", err, lastLines(out, 30))
	}
	return nil
}

func lastLines(text []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// root is a Debian in which anything may be changed, with processes, mounts and a network
// of its own, which reaches nothing. All of it ends with its first process, which ends
// with us: it reads what only we write.
type root struct {
	work   string // the folder of everything that it writes
	holder *exec.Cmd
	in     io.Closer
}

// prepares mounts the root over what is only read. Where the system has no overlays, it is
// copied.
const prepares = `
ip link set lo up
cd "$2"
mkdir upper work root tmp
chmod 1777 tmp
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" root 2>/dev/null || cp -a "$1/." root/
mount -t proc proc root/proc
mount --rbind /dev root/dev
mount --bind tmp root/tmp
echo ready
read -r _ || :
`

// newRoot makes a root of one that is only read.
func newRoot(base string) (*root, error) {
	work, err := os.MkdirTemp(filepath.Dir(base), "used-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(work, 0o755); err != nil {
		return nil, err
	}
	r := &root{work: work}
	r.holder = exec.Command("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "bash", "-ec", prepares, "packages", base, work)
	r.holder.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	var errs bytes.Buffer
	r.holder.Stderr = &errs
	r.holder.WaitDelay = 5 * time.Second
	in, err1 := r.holder.StdinPipe()
	out, err2 := r.holder.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	r.in = in
	if err := r.holder.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(work))
	}
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		return nil, fmt.Errorf("a root: not ready: %s: %w", strings.TrimSpace(errs.String()), r.close())
	}
	return r, nil
}

// close ends every process of the root, and takes what it wrote away.
func (r *root) close() error {
	if r == nil || r.in == nil {
		return nil
	}
	_ = r.in.Close()
	r.in = nil
	err := r.holder.Wait()
	// Whatever still holds a mount would let the next line go into it; there is none then.
	return errors.Join(err, os.RemoveAll(r.work))
}

// beside is a command of this system in the root's processes, network and mounts; the
// root's own files are in the folder path("/").
func (r *root) beside(ctx context.Context, env []string, args ...string) *exec.Cmd {
	// The holder's children are in the namespace of processes, and it itself is not.
	pid := r.holder.Process.Pid
	flags := []string{fmt.Sprintf("--net=/proc/%d/ns/net", pid), fmt.Sprintf("--pid=/proc/%d/ns/pid_for_children", pid),
		fmt.Sprintf("--mount=/proc/%d/ns/mnt", pid), "setpriv", "--pdeathsig", "KILL"}
	cmd := exec.CommandContext(ctx, "nsenter", append(flags, args...)...)
	cmd.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8"}, env...)
	cmd.WaitDelay = 5 * time.Second // what it started may hold its output open
	return cmd
}

// path is a path of the root in the mounts of beside.
func (r *root) path(path string) string { return filepath.Join(r.work, "root", path) }

// command is a command of the root.
func (r *root) command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	return r.beside(ctx, env, append([]string{"/usr/sbin/chroot", r.path("/")}, args...)...)
}

// sh runs a script in the root as its administrator, and returns all that it printed.
func (r *root) sh(ctx context.Context, script string, env ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := r.command(ctx, append([]string{"DEBIAN_FRONTEND=noninteractive"}, env...), "sh", "-ec", script).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", strings.TrimSpace(script), err, lastLines(out, 40))
	}
	return string(out), err
}
