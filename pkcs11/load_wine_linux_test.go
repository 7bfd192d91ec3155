package pkcs11

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindows: what is loaded on Windows, and from where; wine's loader stands for it.
func TestWindows(t *testing.T) {
	w := winetest.New(t)
	states := statesFor(t, "amd64")
	t.Run("why not", func(t *testing.T) { testWhyNotOnWindows(t, w, states, "amd64") })
	t.Run("paths", func(t *testing.T) { testPathsOnWindows(t, w, states, "amd64") })
	t.Run("search", func(t *testing.T) {
		testSearchOnWindows(t, func(dir string, args ...string) *exec.Cmd {
			cmd := w.Command(states, args...)
			cmd.Dir = dir
			return cmd
		}, "amd64")
	})
}

// TestWindows10 is TestWindows in wine 10, for programs of 64 and of 32 bits.
func TestWindows10(t *testing.T) {
	if testing.Short() {
		t.Skip("make test-windows plays it")
	}
	w := winetest.New10(t)
	for _, arch := range []string{"amd64", "386"} {
		t.Run(arch, func(t *testing.T) {
			states := statesFor(t, arch)
			t.Run("why not", func(t *testing.T) { testWhyNotOnWindows(t, w, states, arch) })
			t.Run("paths", func(t *testing.T) { testPathsOnWindows(t, w, states, arch) })
			t.Run("search", func(t *testing.T) {
				testSearchOnWindows(t, func(dir string, args ...string) *exec.Cmd { return w.CommandIn(dir, states, args...) }, arch)
			})
		})
	}
}

// aWindows is what wine 8 and wine 10 have in common.
type aWindows interface {
	Command(program string, args ...string) *exec.Cmd
	Path(name string) string
}

// statesFor builds the program that prints how modules do.
func statesFor(t *testing.T, arch string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "states.exe")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./testdata/states")
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH="+arch, "GOFLAGS=", "CGO_ENABLED=1", "CC="+winetest.Compilers[arch])
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build for windows/%s: %v\n%s", arch, err, out)
	}
	return program
}

// windowsPath is a file of this system as a program in wine names it.
func windowsPath(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }

// dllOf compiles a library for Windows.
func dllOf(t *testing.T, arch, path, source string, more ...string) string {
	t.Helper()
	args := append([]string{"-shared", "-o", path, source}, more...)
	if out, err := exec.CommandContext(t.Context(), winetest.Compilers[arch], args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", winetest.Compilers[arch], err, out)
	}
	return path
}

// statesOf are the lines that the program prints, one for each module.
func statesOf(t *testing.T, cmd *exec.Cmd, modules int) []string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(string(out), "\r", "")), "\n")
	if err != nil || len(lines) != modules {
		t.Fatalf("%v, %q", err, lines)
	}
	return lines
}

// testWhyNotOnWindows: Windows' loader names no library that is missing, so the agent
// does.
func testWhyNotOnWindows(t *testing.T, w aWindows, states, arch string) {
	dir := t.TempDir()
	dll := func(name, source string, more ...string) string {
		t.Helper()
		file := filepath.Join(dir, name+".c")
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		return dllOf(t, arch, filepath.Join(dir, name+".dll"), file, more...)
	}
	changed := func(name string, change func([]byte) []byte) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, "other.dll"))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name+".dll")
		if err := os.WriteFile(path, change(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	gone := dll("gone", "int gone(void) { return 1; }")
	other := map[string]string{"amd64": "386", "386": "amd64"}[arch]
	whole := filepath.Join(dir, "whole.c")
	if err := os.WriteFile(whole, []byte("int other(void) { return 1; }"), 0o600); err != nil {
		t.Fatal(err)
	}
	var args, want []string
	for _, c := range []struct {
		path string
		kind error
		says string
	}{
		{dll("dependent", "int gone(void); __declspec(dllexport) unsigned long C_GetFunctionList(void **l) { return gone(); }", gone), ErrMissingDependency, "gone.dll"},
		// By way of another, which is there.
		{dll("needing", "int between(void); __declspec(dllexport) unsigned long C_GetFunctionList(void **l) { return between(); }",
			dll("between", "int gone(void); int between(void) { return gone(); }", gone)), ErrMissingDependency, "gone.dll"},
		{dllOf(t, other, filepath.Join(dir, "whole.dll"), whole), ErrWrongArchitecture, "the file is for " + other + ", and this program is windows/" + arch},
		{dll("refusing", "#include <windows.h>\nBOOL WINAPI DllMain(HINSTANCE i, DWORD why, LPVOID r) { return FALSE; }"), ErrModuleFailed, "load: "},
		{dll("other", "__declspec(dllexport) int other(void) { return 1; }"), ErrNotPKCS11, "C_GetFunctionList"},
		{dll("failing", "__declspec(dllexport) unsigned long C_GetFunctionList(void **l) { return 5; }"), ErrModuleFailed, "CKR_GENERAL_ERROR"},
		{changed("arm", func(b []byte) []byte {
			at := strings.Index(string(b), "PE\x00\x00")
			b[at+4], b[at+5] = 0x64, 0xaa
			return b
		}), ErrWrongArchitecture, "arm64"},
		{changed("cut", func(b []byte) []byte { return b[:1000] }), ErrNotLoadable, ""},
		{changed("empty", func([]byte) []byte { return nil }), ErrNotLoadable, "empty"},
		{changed("text", func([]byte) []byte { return []byte("no library") }), ErrNotPKCS11, "no library"},
	} {
		args, want = append(args, windowsPath(c.path)), append(want, c.kind.Error()+"|"+c.says)
	}
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	for i, line := range statesOf(t, w.Command(states, args...), len(want)) {
		kind, says, _ := strings.Cut(want[i], "|")
		if !strings.HasPrefix(line, kind) || !strings.Contains(line, says) || strings.Contains(line, "between.dll") {
			t.Errorf("%s: %s, want %s with %q", args[i], line, kind, says)
		}
	}
}

// testPathsOnWindows: the module that is named is the one that answers, whatever its path,
// and what names no file is none.
func testPathsOnWindows(t *testing.T, w aWindows, states, arch string) {
	dir := w.Path("modules " + arch)
	named := func(name string, more ...string) string {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		return dllOf(t, arch, path, "testdata/dll/module.c", append([]string{`-DNAME="` + strings.ToUpper(strings.TrimSuffix(filepath.Base(name), ".dll")) + `"`}, more...)...)
	}
	in := func(path string) string {
		return `C:\modules ` + arch + strings.ReplaceAll(strings.TrimPrefix(path, dir), "/", `\`)
	}
	var deep strings.Builder
	for range 8 {
		deep.WriteString(strings.Repeat("d", 40) + "/")
	}
	named("noext.dll")
	without := named("noext2.dll")
	if err := os.Rename(without, filepath.Join(dir, "noext")); err != nil {
		t.Fatal(err)
	}
	plain := named("plain.dll")
	folder := filepath.Join(dir, "folder.dll")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	// By name alone it would be Windows' own. Wine 10 has that loaded, whatever the path.
	instead := "<nil> BCRYPTPRIMITIVES"
	if _, ten := w.(*winetest.Wine10); ten {
		instead = ErrNotLoadable.Error() + ": load: Windows loads another file in its stead: C:\\windows\\system32\\bcryptprimitives.dll"
	}
	var args, want []string
	for _, c := range []struct{ path, says string }{
		{in(plain), "<nil> PLAIN"},
		{in(named("dossier é à ç/accents.dll")), "<nil> ACCENTS"},
		{in(named("accent/modulé.dll", `-UNAME`, `-DNAME="BASE"`)), "<nil> BASE"},
		{in(named("日本/модуль/outside.dll")), "<nil> OUTSIDE"},
		{in(named("wide/модуль.dll", `-UNAME`, `-DNAME="WIDE"`)), "<nil> WIDE"},
		{in(named("日本/bcryptprimitives.dll")), instead},
		{in(named(deep.String() + "deep.dll")), "<nil> DEEP"},
		{in(filepath.Join(dir, "noext")), "<nil> NOEXT2"}, // and not noext.dll
		{`C:/modules ` + arch + `/./folder.dll/../plain.dll`, "<nil> PLAIN"},
		{`\\?\C:\modules ` + arch + `\plain.dll`, "<nil> PLAIN"},
		{`c:\MODULES ` + strings.ToUpper(arch) + `\PLAIN.DLL`, "<nil> PLAIN"},
		{in(folder), ErrNotPKCS11.Error() + ": open: not a file"},
		{`C:\modules ` + arch + `\missing.dll`, ErrNoModule.Error()},
		{`C:\modules ` + arch + `\plain.dll\below.dll`, ErrNoModule.Error()},
		{`plain.dll`, ErrNotPKCS11.Error() + ": the path of a module must be absolute"},
		{`C:plain.dll`, ErrNotPKCS11.Error() + ": the path of a module must be absolute"},
		{`\modules\plain.dll`, ErrNotPKCS11.Error() + ": the path of a module must be absolute"},
		{`C:\modules ` + arch + `\plain.dll:stream`, ErrNotPKCS11.Error() + ": open: it names a stream"},
		{`C:\NUL`, ErrNotPKCS11.Error() + ": open: it names a device"},
		{`C:\modules ` + arch + `\con.dll`, ErrNotPKCS11.Error() + ": open: it names a device"},
		{`C:\modules ` + arch + `\COM1\plain.dll`, ErrNotPKCS11.Error() + ": open: it names a device"},
		{`\\.\C:\modules ` + arch + `\plain.dll`, ErrNotPKCS11.Error() + ": open: it names a device"},
		{`\\.\pipe\plain.dll`, ErrNotPKCS11.Error() + ": open: it names a device"},
		{`\\?\GLOBALROOT\Device\plain.dll`, ErrNotPKCS11.Error() + ": open: it names a device"},
	} {
		args, want = append(args, c.path), append(want, c.says)
	}
	for i, line := range statesOf(t, w.Command(states, args...), len(want)) {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("%s: %s, want %s", args[i], line, want[i])
		}
	}
}

// testSearchOnWindows: a library that the module needs is found beside it, and neither in
// the current folder nor on PATH, where others may have put it.
func testSearchOnWindows(t *testing.T, in func(dir string, args ...string) *exec.Cmd, arch string) {
	dir, planted := t.TempDir(), t.TempDir()
	source, mark := filepath.Join(dir, "planted.c"), filepath.Join(dir, "mark")
	if err := os.WriteFile(source, []byte(`#include <windows.h>
int gone(void) { return 0; }
BOOL WINAPI DllMain(HINSTANCE i, DWORD why, LPVOID r) {
	CloseHandle(CreateFileA(MARK, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL));
	return TRUE;
}`), 0o600); err != nil {
		t.Fatal(err)
	}
	marks := `-DMARK="` + strings.ReplaceAll(windowsPath(mark), `\`, `\\`) + `"`
	library := dllOf(t, arch, filepath.Join(planted, "gone.dll"), source, marks)
	dependent := filepath.Join(dir, "dependent.c")
	if err := os.WriteFile(dependent, []byte("int gone(void); __declspec(dllexport) unsigned long C_GetFunctionList(void **l) { return 6 + gone(); }"), 0o600); err != nil {
		t.Fatal(err)
	}
	modules := []string{
		dllOf(t, arch, filepath.Join(dir, "early.dll"), dependent, library),
		dllOf(t, arch, filepath.Join(dir, "late.dll"), "testdata/dll/module.c", `-DNAME="LATE"`, `-DNEEDS="gone.dll"`),
	}
	run := func() []string {
		t.Helper()
		cmd := in(planted, windowsPath(modules[0]), windowsPath(modules[1]))
		cmd.Env = append(cmd.Env, "WINEPATH="+windowsPath(planted))
		return statesOf(t, cmd, len(modules))
	}
	lines := run()
	for i, want := range []string{ErrMissingDependency.Error(), ErrModuleFailed.Error() + ": C_GetFunctionList: "} {
		if line := lines[i]; !strings.HasPrefix(line, want) {
			t.Errorf("%s: %s, want %s", modules[i], line, want)
		}
	}
	if _, err := os.Stat(mark); err == nil {
		t.Fatal("a library that somebody put into the current folder was run")
	}
	if err := os.Rename(library, filepath.Join(dir, "gone.dll")); err != nil {
		t.Fatal(err)
	}
	lines = run()
	for i, want := range []string{"CKR_FUNCTION_FAILED", "<nil> LATE"} {
		if line := lines[i]; !strings.Contains(line, want) {
			t.Errorf("beside it: %s: %s, want %s", modules[i], line, want)
		}
	}
	if _, err := os.Stat(mark); err != nil {
		t.Error("this test could not fail: the library leaves no mark")
	}
}
