package winetest

import (
	"context"
	"debug/pe"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The root's programs. Each of the two loads programs of its own architecture into the
// process that was started, which can be killed then; others it starts beside itself.
const (
	wine64     = "/usr/lib/wine/wine64"
	wine32     = "/usr/lib/wine/wine"
	wineserver = "/usr/lib/wine/wineserver64"
)

// Wine10 is a Windows in wine 10, in a network of its own: of its sockets nobody knows
// outside, and nobody else's are there. It runs programs for amd64 and 386. Beside its
// own files it sees /tmp and the repository, under the same names.
type Wine10 struct {
	ctx     context.Context
	network *namespace
	shared  bool // network is another's
	prefix  string
	env     []string
}

// Open makes a Windows below dir, which is in /tmp or in the repository.
// env are variables for every program in it, such as DISPLAY. Commands end with ctx;
// Close ends the rest.
func (r *Root) Open(ctx context.Context, dir string, env ...string) (*Wine10, error) {
	repository, err := Repository()
	if err != nil {
		return nil, err
	}
	network, err := r.isolate(repository)
	if err != nil {
		return nil, err
	}
	w, err := r.open(ctx, network, dir, env)
	if err != nil {
		return nil, errors.Join(err, network.end())
	}
	return w, nil
}

func (r *Root) open(ctx context.Context, network *namespace, dir string, env []string) (*Wine10, error) {
	w := &Wine10{ctx: ctx, network: network, prefix: filepath.Join(dir, "windows10"), env: env}
	if out, err := exec.Command("cp", "-a", "--reflink=auto", "-T", r.template, w.prefix).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("copy %s: %w\n%s", r.template, err, out)
	}
	return w, nil
}

// Another makes a second Windows in the same network: another registry, other processes,
// another person's programs for all that wine knows. It is closed before the first.
func (w *Wine10) Another(dir string, env ...string) (*Wine10, error) {
	other, err := w.network.root.open(w.ctx, w.network, dir, env)
	if err == nil {
		other.shared = true
	}
	return other, err
}

// Close ends every program, wine's server, and the network with all that runs in it. The
// folder stays: it is the caller's.
func (w *Wine10) Close() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), time.Minute)
	defer cancel()
	var errs []error
	for _, flag := range []string{"-k", "-w"} { // kill all, and wait until they have ended
		cmd := w.network.command(ctx, w.environment(), wineserver, flag)
		out, err := cmd.CombinedOutput()
		var none *exec.ExitError // -k exits with 1 where no server runs
		if err != nil && !(flag == "-k" && errors.As(err, &none)) {
			errs = append(errs, fmt.Errorf("wineserver %s: %w\n%s", flag, err, out))
		}
	}
	if !w.shared {
		errs = append(errs, w.network.end())
	}
	return errors.Join(errs...)
}

func (w *Wine10) environment() []string { return append(ownEnvironment(w.prefix), w.env...) }

// ownEnvironment has a folder beside the Windows for HOME: the root's can only be read.
func ownEnvironment(prefix string) []string {
	return append(environment(prefix), "HOME="+filepath.Dir(prefix), "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "USER=root")
}

// Command returns a Windows program's command, for the caller to start. The program is a
// path of this system or of the Windows, or a program of the Windows' own. Variables may
// be appended to its Env.
func (w *Wine10) Command(program string, args ...string) *exec.Cmd {
	return w.CommandIn("/", program, args...)
}

// CommandIn is Command with a working folder of this system.
func (w *Wine10) CommandIn(dir, program string, args ...string) *exec.Cmd {
	return w.network.command(w.ctx, w.environment(), append([]string{"env", "-C", dir, w.loader(program), program}, args...)...)
}

// loader is the one for the program's architecture.
func (w *Wine10) loader(program string) string {
	if rest, ok := strings.CutPrefix(program, `C:\`); ok {
		program = w.Path(strings.ReplaceAll(rest, `\`, "/"))
	}
	file, err := pe.Open(program)
	if err != nil { // one of the Windows' own
		return wine64
	}
	defer file.Close()
	if file.Machine == pe.IMAGE_FILE_MACHINE_I386 {
		return wine32
	}
	return wine64
}

// Inside returns the command of a program of this system in the Windows' network.
func (w *Wine10) Inside(program string, args ...string) *exec.Cmd {
	return w.network.inside(w.ctx, os.Environ(), nil, append([]string{program}, args...)...)
}

// Path returns this system's path of a file of the Windows: name is below C:, with
// slashes. Wine's own DLLs are links that lead nowhere here: replace them, do not write
// into them.
func (w *Wine10) Path(name string) string {
	return filepath.Join(w.prefix, "drive_c", filepath.FromSlash(name))
}

// New10 makes a Windows in wine 10 for one test. It is skipped where the user is not root,
// and with -short.
func New10(t *testing.T, env ...string) *Wine10 {
	t.Helper()
	if testing.Short() {
		t.Skip("wine 10's root is downloaded, and made in a minute: make test-windows plays this")
	}
	root, err := OpenRoot(t.Context())
	if errors.Is(err, ErrNotRoot) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	w, err := root.Open(t.Context(), t.TempDir(), env...)
	if err != nil {
		t.Fatal(err)
	}
	// Registered after TempDir, so that it runs before the folder is removed.
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}
