package winetest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience is how long a build or a first start may take on a loaded machine.
const patience = 4 * time.Minute

// Packages are the Debian packages that the tests need.
const Packages = "wine wine64 gcc-mingw-w64-x86-64-win32"

// Compilers are C's for Windows, of packages gcc-mingw-w64-*-win32, by Go's names of the
// architectures.
var Compilers = map[string]string{"amd64": "x86_64-w64-mingw32-gcc", "386": "i686-w64-mingw32-gcc"}

// Wine is a Windows for one test.
type Wine struct {
	t       *testing.T
	tools   tools
	prefix  string
	env     []string
	network *namespace // nil where it is this system's
}

// New makes a Windows. env are variables for every program in it, such as DISPLAY,
// without which it has no screen.
func New(t *testing.T, env ...string) *Wine {
	t.Helper()
	w := prepare(t, env)
	w.begin()
	return w
}

func prepare(t *testing.T, env []string) *Wine {
	t.Helper()
	tools, err := findTools()
	if err != nil {
		t.Fatal(err)
	}
	return &Wine{t: t, tools: tools, prefix: filepath.Join(t.TempDir(), "windows"), env: env}
}

// begin makes it, and has it end with the test.
func (w *Wine) begin() {
	w.t.Helper()
	template, err := w.tools.template()
	if err != nil {
		w.t.Fatal(err)
	}
	// Registered after TempDir, so that it runs before the folder is removed.
	w.t.Cleanup(w.end)
	if out, err := exec.Command("cp", "-a", "--reflink=auto", template, w.prefix).CombinedOutput(); err != nil {
		w.t.Fatalf("copy %s: %v\n%s", template, err, out)
	}
}

// end ends all programs and the server.
func (w *Wine) end() {
	for _, flag := range []string{"-k", "-w"} { // kill all, and wait until they have ended
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		out, err := w.command(ctx, w.tools.server, flag).CombinedOutput()
		cancel()
		var none *exec.ExitError // -k exits with 1 where no server runs
		if err != nil && !(flag == "-k" && errors.As(err, &none)) {
			w.t.Errorf("wineserver %s: %v\n%s", flag, err, out)
		}
	}
}

// command is that of one of wine's own programs.
func (w *Wine) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	if w.network != nil {
		return w.network.command(ctx, w.environment(), append([]string{program}, args...)...)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = w.environment()
	cmd.WaitDelay = 5 * time.Second // programs that it started may hold its output open
	return cmd
}

func (w *Wine) environment() []string { return append(environment(w.prefix), w.env...) }

// Command returns a Windows program's command, for the caller to start. Of the
// test's variables it has HOME, PATH and USER only.
func (w *Wine) Command(program string, args ...string) *exec.Cmd {
	return w.command(w.t.Context(), w.tools.wine, append([]string{program}, args...)...)
}

// Run runs a Windows program to its end and returns what it printed.
func (w *Wine) Run(program string, args ...string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	out, err := w.command(ctx, w.tools.wine, append([]string{program}, args...)...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s in wine: %v\n%s", filepath.Base(program), err, out)
	}
	return string(out)
}

// RunTests runs those tests of a program of BuildTest, of which each must pass.
func (w *Wine) RunTests(program string, names ...string) {
	w.t.Helper()
	// Less than Run's own limit, so that a test that hangs says where.
	out := w.Run(program, "-test.run=^("+strings.Join(names, "|")+")$", "-test.v", "-test.timeout=3m")
	Passed(w.t, out, names...)
}

// Passed fails the test where out, printed by a program of BuildTest with -test.v, has not
// each of those tests as passed. A test that was skipped, or that has another name by now,
// ends its program like one that passed.
func Passed(t *testing.T, out string, names ...string) {
	t.Helper()
	for _, name := range names {
		if !strings.Contains(out, "--- PASS: "+name+" ") {
			t.Errorf("%s did not pass:\n%s", name, out)
		}
	}
}

// Path returns the test's path of a file of this Windows: name is below C:, with
// slashes.
func (w *Wine) Path(name string) string {
	return filepath.Join(w.prefix, "drive_c", filepath.FromSlash(name))
}

// Build builds a package's program for Windows, without cgo, and returns its path.
func Build(t *testing.T, pkg string) string {
	t.Helper()
	return BuildFor(t, "amd64", pkg)
}

// BuildFor is Build for an architecture: amd64 or 386.
func BuildFor(t *testing.T, arch, pkg string) string {
	t.Helper()
	return build(t, arch, withoutC, "build", pkg)
}

// BuildWithC is Build with cgo and the compiler of Packages.
func BuildWithC(t *testing.T, pkg string) string {
	t.Helper()
	return build(t, "amd64", withC, "build", pkg)
}

// The settings of cgo.
var (
	withoutC = []string{"CGO_ENABLED=0"}
	withC    = []string{"CGO_ENABLED=1", "CC=" + Compilers["amd64"]}
)

// BuildTest builds a package's tests for Windows, without cgo.
func BuildTest(t *testing.T, pkg string) string {
	t.Helper()
	return build(t, "amd64", withoutC, "test", "-c", pkg)
}

func build(t *testing.T, arch string, c []string, command string, args ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program.exe")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", append([]string{command, "-o", program}, args...)...)
	cmd.Env = append(append(os.Environ(), "GOOS=windows", "GOARCH="+arch, "GOFLAGS="), c...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build for Windows: %v\n%s", err, out)
	}
	return program
}
