package wintable

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/cells"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// RunUnits runs the tests of the units whose package contains only in Windows, each in
// one of its own, and reports each package when it has ended. self is this program, which
// go test runs with [InWine].
func RunUnits(ctx context.Context, self string, units []Unit, report func(cells.Result)) error {
	if _, err := winetest.OpenRoot(ctx); err != nil { // before, not within the tests' time
		return err
	}
	module, err := modulePath(ctx)
	if err != nil {
		return err
	}
	runs, err := execFlag(self)
	if err != nil {
		return err
	}
	var errs []error
	for _, arch := range Architectures {
		if ctx.Err() == nil {
			errs = append(errs, runUnits(ctx, module, runs, arch, units, report))
		}
	}
	return errors.Join(append(errs, ctx.Err())...)
}

// runUnits is RunUnits for an architecture.
func runUnits(ctx context.Context, module, runs, arch string, units []Unit, report func(cells.Result)) error {
	var packages []string
	for _, u := range units {
		if slices.Contains(u.Archs(), arch) {
			packages = append(packages, module+"/"+u.Package)
		}
	}
	if len(packages) == 0 { // go test would test the folder that it is started in
		return nil
	}
	env := []string{"GOOS=windows", "GOARCH=" + arch, "CGO_ENABLED=1", "CC=" + winetest.Compilers[arch], "GOFLAGS="}
	helper, err := buildAutopin(ctx, env, arch)
	if err != nil {
		return err
	}
	env = append(env, autopinVariable+"="+helper)
	return GoTest(ctx, env, packages, []string{"-p", "2", "-exec", runs}, func(p Tested) {
		name := strings.TrimPrefix(p.Package, module+"/")
		i := slices.IndexFunc(units, func(u Unit) bool { return u.Package == name })
		for _, r := range units[i].results(p, arch) {
			report(r)
		}
	})
}

// execFlag is go test's -exec, with which this program runs the tests with [InWine]. Its
// fields have spaces between them, and one with a space has quotes around it, in which
// nothing is escaped.
func execFlag(program string) (string, error) {
	quote := "'"
	if strings.Contains(program, quote) {
		quote = `"`
	}
	if strings.Contains(program, quote) {
		return "", fmt.Errorf("go test -exec has no quotes for %s", program)
	}
	return quote + program + quote + " " + InWine, nil
}

// autopinVariable names the scripted pinentry's program to agent/prompt's tests, which have
// no compiler there.
const autopinVariable = "CPX_TEST_AUTOPIN"

func buildAutopin(ctx context.Context, env []string, arch string) (string, error) {
	program, err := filepath.Abs(filepath.Join("build", "wintable", "autopin-"+arch+".exe"))
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "./internal/lab/autopin")
	cmd.Env = append(append(os.Environ(), env...), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build autopin for %s: %w\n%s", arch, err, out)
	}
	return program, nil
}

// RunPlayed runs tests on this system, one package after the other: each has a screen.
func RunPlayed(ctx context.Context, all []Played, report func(cells.Result)) error {
	module, err := modulePath(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range all {
		if ctx.Err() != nil {
			break
		}
		args := []string{"-timeout", "60m"}
		if p.Run != "" {
			args = append(args, "-run", p.Run)
		}
		errs = append(errs, GoTest(ctx, nil, []string{module + "/" + p.Package}, args, func(tested Tested) {
			for _, r := range p.results(tested) {
				report(r)
			}
		}))
	}
	return errors.Join(append(errs, ctx.Err())...)
}

func modulePath(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m").Output()
	return strings.TrimSpace(string(out)), err
}

// InWine is the word with which [Exec] runs a program.
const InWine = "in-wine"

// Exec runs a program with its arguments in a fresh Windows, in the working folder, and
// returns its exit status.
func Exec(ctx context.Context, program string, args []string) (status int, err error) {
	root, err := winetest.OpenRoot(ctx)
	if err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "cpx-wintable-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	w, err := root.Open(ctx, dir)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	display, err := screen(w)
	if err != nil {
		return 1, err
	}
	folder, err := os.Getwd()
	if err != nil {
		return 1, err
	}
	if program, err = filepath.Abs(program); err != nil {
		return 1, err
	}
	cmd := w.CommandIn(folder, program, append(args, flagsIn(folder)...)...)
	cmd.Env = append(cmd.Env, "DISPLAY="+display, autopinVariable+"="+os.Getenv(autopinVariable))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err = cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return ended.ExitCode(), nil
	}
	return 0, err
}

// screen starts one, which ends with the Windows: there is none without windows.
func screen(w *winetest.Wine10) (display string, err error) {
	cmd := w.Inside("Xvfb", "-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	number, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("the screen (Xvfb): %w", err)
	}
	return ":" + strings.TrimSpace(number), nil
}

// flagsIn are those of the unit whose folder it is.
func flagsIn(folder string) []string {
	i := slices.IndexFunc(Units, func(u Unit) bool { return strings.HasSuffix(folder, "/"+u.Package) })
	if i < 0 {
		return nil
	}
	return Units[i].flags()
}
