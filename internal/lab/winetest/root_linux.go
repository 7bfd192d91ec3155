package winetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Debian 13's wine 10, for both architectures. The system's own wine stays as it is:
// 32-bit packages are nowhere but in the root.
const (
	suite        = "trixie"
	mirror       = "http://deb.debian.org/debian"
	rootPackages = "wine,wine64,wine32:i386,fonts-dejavu-core"
)

// RootPackages are the Debian packages that wine 10's root needs.
const RootPackages = "mmdebstrap debian-archive-keyring util-linux iproute2"

// Root is a Debian with wine 10 in a folder of its own, and a template of its Windows.
// It is made once and only read from then on, so that any number of tests share it.
type Root struct {
	system   string // the folder of the Debian
	template string // of a fresh Windows, to be copied
}

// ErrNotRoot says that a root of its own cannot be made or entered by this user.
var ErrNotRoot = errors.New("wine 10 runs in a root of its own, with mounts and a network of its own, which needs root (sudo)")

// OpenRoot finds the root in the repository's build folder, or makes it, in a minute,
// from Debian's archive (DEBIAN_MIRROR names another). Whoever comes meanwhile waits
// for it.
func OpenRoot(ctx context.Context) (*Root, error) {
	if os.Geteuid() != 0 {
		return nil, ErrNotRoot
	}
	if err := need(RootPackages, "mmdebstrap", "unshare", "nsenter", "setpriv", "ip"); err != nil {
		return nil, err
	}
	build, err := buildFolder()
	if err != nil {
		return nil, err
	}
	// What it is made of is in its name: after a change there is another.
	sum := sha256.Sum256([]byte(suite + " " + rootPackages + " 2"))
	name := filepath.Join(build, fmt.Sprintf("wine10-%x", sum[:4]))
	r := &Root{system: name, template: name + "-windows"}
	if err := Once(r.system, func(dir string) error { return debian(ctx, dir) }); err != nil {
		return nil, err
	}
	return r, Once(r.template, func(dir string) error { return r.makeTemplate(ctx, dir) })
}

// need is an error where a program is missing.
func need(packages string, programs ...string) error {
	var missing []string
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s missing: YES=1 scripts/setup test-windows installs %s", strings.Join(missing, " and "), packages)
	}
	return nil
}

// Once makes a folder where it is not there yet: beside it, then under its name, so that
// a folder of that name is whole. Others wait meanwhile.
func Once(ready string, fill func(dir string) error) error {
	lock, err := os.OpenFile(ready+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close() // which releases the lock
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	if _, err := os.Stat(ready); err == nil {
		return nil
	}
	unfinished, err := os.MkdirTemp(filepath.Dir(ready), "unfinished-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(unfinished)
	// MkdirTemp's mode would keep apt's own user out.
	if err := os.Chmod(unfinished, 0o755); err != nil {
		return err
	}
	filled := filepath.Join(unfinished, "new")
	if err := fill(filled); err != nil {
		return err
	}
	return os.Rename(filled, ready)
}

// debian makes the root.
func debian(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, 4*patience)
	defer cancel()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	from := mirror
	if own := os.Getenv("DEBIAN_MIRROR"); own != "" {
		from = own
	}
	// In a namespace, so that none of its mounts remains where it is interrupted: removing
	// what it made would walk into them.
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "mmdebstrap", "--quiet", "--variant=minbase", "--architectures=amd64,i386",
		"--include="+rootPackages, "--aptopt=Acquire::Retries 3", suite, dir, from)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	// The smallest Debian has none, and Windows knows the name without one.
	return os.WriteFile(filepath.Join(dir, "etc", "hosts"), []byte("127.0.0.1 localhost\n::1 localhost\n"), 0o644)
}

// makeTemplate makes the template, in a namespace as a test's.
func (r *Root) makeTemplate(ctx context.Context, ready string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dir, err := os.MkdirTemp("", "cpx-wine10-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	n, err := r.isolate()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.end()) }()
	prefix := filepath.Join(dir, "windows")
	for _, args := range [][]string{{wine64, "wineboot", "--init"}, {wineserver, "-w"}} {
		cmd := n.command(ctx, ownEnvironment(prefix), args...)
		cmd.WaitDelay = patience // the first Windows' services hold the output open
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	if err := shrinkFrom(filepath.Join(prefix, "drive_c"), r.system); err != nil {
		return err
	}
	if out, err := exec.Command("cp", "-a", "-T", prefix, ready).CombinedOutput(); err != nil {
		return fmt.Errorf("copy %s: %w\n%s", prefix, err, out)
	}
	return nil
}
