package pkcs11

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// built compiles a library into dir.
func built(t *testing.T, dir, name, source string, flags ...string) string {
	t.Helper()
	file, path := filepath.Join(dir, name+".c"), filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-shared", "-fPIC", "-w", "-o", path, file}, flags...)
	if out, err := exec.CommandContext(t.Context(), "gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	return path
}

// copyOf is a copy of SoftHSM's module, changed.
func copyOf(t *testing.T, change func([]byte) []byte) string {
	t.Helper()
	text, err := os.ReadFile(softHSM)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "module.so")
	if err := os.WriteFile(path, change(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func header(class, machine byte) func([]byte) []byte {
	return func(b []byte) []byte { b[4], b[18], b[19] = class, machine, 0; return b }
}

// A module that cannot be loaded says why, in a kind that has its own cure, and in
// the loader's words.
func TestWhyAModuleIsNotLoaded(t *testing.T) {
	for name, c := range map[string]struct {
		path func(t *testing.T, dir string) string
		kind error
		says string
	}{
		"needs a library that is missing": {func(t *testing.T, dir string) string {
			gone := built(t, dir, "libcpxgone.so.1", "int gone(void) { return 1; }")
			path := built(t, dir, "module.so", "int gone(void); int C_GetFunctionList(void **l) { return gone(); }", gone, "-Wl,-rpath,"+dir)
			if err := os.Remove(gone); err != nil {
				t.Fatal(err)
			}
			return path
		}, ErrMissingDependency, "libcpxgone.so.1"},
		"needs a newer library": {func(t *testing.T, dir string) string {
			of := func(version string) string {
				versions := filepath.Join(dir, "versions")
				if err := os.WriteFile(versions, []byte(version+" { global: *; };"), 0o600); err != nil {
					t.Fatal(err)
				}
				return built(t, dir, "libcpxnew.so.1", "int newer(void) { return 1; }", "-Wl,--version-script="+versions)
			}
			path := built(t, dir, "module.so", "int newer(void); int C_GetFunctionList(void **l) { return newer(); }", of("CPX_9.9"), "-Wl,-rpath,"+dir)
			of("CPX_1.0")
			return path
		}, ErrNotLoadable, "CPX_9.9"},
		"of 32 bits": {func(t *testing.T, _ string) string { return copyOf(t, header(1, 3)) }, ErrWrongArchitecture, "386"},
		"of another processor": {func(t *testing.T, _ string) string {
			return copyOf(t, header(2, map[string]byte{"amd64": 183, "arm64": 62}[runtime.GOARCH]))
		}, ErrWrongArchitecture, runtime.GOARCH},
		"of Windows": {func(t *testing.T, _ string) string {
			return writeFile(t, "cps3_pkcs11_w64.dll", "MZ\x90\x00"+strings.Repeat("\x00", 60))
		}, ErrWrongArchitecture, "PE"},
		"of macOS": {func(t *testing.T, _ string) string {
			return writeFile(t, "module.dylib", "\xcf\xfa\xed\xfe"+strings.Repeat("\x00", 60))
		}, ErrWrongArchitecture, "Mach-O"},
		"wants a symbol that nothing has": {func(t *testing.T, dir string) string {
			return built(t, dir, "module.so", "extern int cpx_nowhere(void); int C_GetFunctionList(void **l) { return cpx_nowhere(); }", "-Wl,-z,now")
		}, ErrNotLoadable, "cpx_nowhere"},
		"calls a function that nothing has": {func(t *testing.T, dir string) string {
			return built(t, dir, "module.so", "extern int cpx_nowhere(void); int C_GetFunctionList(void **l) { return cpx_nowhere(); }", "-Wl,-z,lazy")
		}, ErrModuleFailed, "calls a function that no library here has"},
		"cut short in its header": {func(t *testing.T, _ string) string { return copyOf(t, func(b []byte) []byte { return b[:16] }) }, ErrNotLoadable, "too short"},
		"cut short":               {func(t *testing.T, _ string) string { return copyOf(t, func(b []byte) []byte { return b[:len(b)/3] }) }, ErrNotLoadable, "cut short"},
		"empty":                   {func(t *testing.T, _ string) string { return writeFile(t, "module.so", "") }, ErrNotLoadable, "empty"},
		"text":                    {func(t *testing.T, _ string) string { return writeFile(t, "module.so", "this is no library") }, ErrNotPKCS11, "no library"},
		"a program":               {func(t *testing.T, _ string) string { return "/bin/true" }, ErrNotPKCS11, "cannot dynamically load"},
		"a folder":                {func(t *testing.T, dir string) string { return dir }, ErrNotPKCS11, "not a file"},
		"not there":               {func(t *testing.T, dir string) string { return filepath.Join(dir, "gone.so") }, ErrNoModule, "no such file"},
		"below a file":            {func(t *testing.T, _ string) string { return filepath.Join(writeFile(t, "file", ""), "module.so") }, ErrNoModule, "not a directory"},
		"links in a circle": {func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "module.so")
			if err := os.Symlink(path, path); err != nil {
				t.Fatal(err)
			}
			return path
		}, ErrNotLoadable, "too many levels"},
		"another library": {func(t *testing.T, dir string) string {
			return built(t, dir, "module.so", "int other(void) { return 1; }")
		}, ErrNotPKCS11, "C_GetFunctionList"},
		"gives an error for a list": {func(t *testing.T, dir string) string {
			return built(t, dir, "module.so", "unsigned long C_GetFunctionList(void **l) { return 5; }")
		}, ErrModuleFailed, "CKR_GENERAL_ERROR"},
		"gives no list": {func(t *testing.T, dir string) string {
			return built(t, dir, "module.so", "unsigned long C_GetFunctionList(void **l) { return 0; }")
		}, ErrModuleFailed, "gave no list"},
		"crashes when it is loaded": {func(t *testing.T, dir string) string {
			return built(t, dir, "module.so", "__attribute__((constructor)) static void c(void) { *(volatile char *)1 = 0; }")
		}, ErrModuleFailed, "crashed"},
		"is killed when it is loaded": {func(t *testing.T, dir string) string {
			return built(t, dir, "module.so", "#include <signal.h>\n__attribute__((constructor)) static void c(void) { raise(SIGKILL); }")
		}, ErrModuleFailed, "signal: killed"},
		"ends its process when it is loaded": {func(t *testing.T, dir string) string {
			return built(t, dir, "module.so", "#include <unistd.h>\n__attribute__((constructor)) static void c(void) { _exit(3); }")
		}, ErrModuleFailed, "exit status 3"},
	} {
		t.Run(name, func(t *testing.T) {
			path := c.path(t, t.TempDir())
			p, err := Open(t.Context(), Options{Modules: []string{path}})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			state := p.Modules()[0]
			if !errors.Is(state.Err, c.kind) || !strings.Contains(state.Err.Error(), c.says) || !strings.HasSuffix(state.Err.Error(), "("+path+")") {
				t.Errorf("%v, want %v with %q", state.Err, c.kind, c.says)
			}
			if _, err := p.List(t.Context()); !errors.Is(err, c.kind) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A file that its user may not read. Root may, hence the thread of another user.
func TestModuleThatMayNotBeRead(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	path := copyOf(t, func(b []byte) []byte { return b })
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and ends with this goroutine
		_ = unix.Setfsuid(65534)
		err := checkFile(path) // the folder may not be entered
		_ = os.Chmod(filepath.Dir(path), 0o755)
		done <- errors.Join(err, examine(path))
	}()
	err := <-done
	if !errors.Is(err, ErrNotLoadable) || !strings.Contains(err.Error(), "permission denied") || errors.Is(err, ErrNotPKCS11) {
		t.Error(err)
	}
}

// What a module prints mixes with nothing, and a function that is missing and not
// called hurts nobody.
func TestModuleThatPrints(t *testing.T) {
	dir := t.TempDir()
	source := `#include <dlfcn.h>
#include <stdio.h>
extern int cpx_nowhere(void);
int never(void) { return cpx_nowhere(); }
__attribute__((constructor)) static void c(void) { for (int i = 0; i < 100000; i++) puts("{\"op\":1}"); fflush(stdout); }
unsigned long C_GetFunctionList(void **l) { unsigned long (*get)(void **) = dlsym(dlopen("` + softHSM + `", RTLD_NOW), "C_GetFunctionList"); puts("noise"); return get(l); }`
	p, err := Open(t.Context(), Options{Modules: []string{built(t, dir, "module.so", source, "-ldl", "-Wl,-z,lazy")}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if s, err := p.List(t.Context()); err != nil || len(s.Certificates) == 0 {
		t.Errorf("%d certificates, %v", len(s.Certificates), err)
	}
}

// The headers of the other systems' libraries are known, each machine's.
func TestArchitectures(t *testing.T) {
	fat := "\xca\xfe\xba\xbe\x00\x00\x00\x01\x01\x00\x00\x07\x00\x00\x00\x03\x00\x00\x00\x1c\x00\x00\x00\x00\x00\x00\x00\x00"
	for name, c := range map[string]struct {
		file, system, architecture string
		kind                       error
	}{
		"damaged PE":        {"MZ" + strings.Repeat("\x00", 62), "windows", "amd64", nil}, // the loader says what is wrong
		"PE of 32 bits":     {peHeader("\x4c\x01"), "windows", "amd64", ErrWrongArchitecture},
		"PE of 64 bits":     {peHeader("\x64\x86"), "windows", "amd64", nil},
		"PE, 64 in 32 bits": {peHeader("\x64\x86"), "windows", "386", ErrWrongArchitecture},
		"PE of ARM":         {peHeader("\x64\xaa"), "windows", "arm64", nil},
		"Mach-O, damaged":   {fat, "darwin", "amd64", nil},
		"ELF on macOS":      {"\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 60), "darwin", "arm64", ErrWrongArchitecture},
		"ELF of x32":        {"\x7fELF\x01\x01\x01" + strings.Repeat("\x00", 9) + "\x03\x00\x3e\x00", "linux", "amd64", ErrWrongArchitecture},
		"ELF of big-endian": {"\x7fELF\x02\x02\x01" + strings.Repeat("\x00", 9) + "\x00\x03\x00\x15", "linux", "amd64", ErrWrongArchitecture},
	} {
		t.Run(name, func(t *testing.T) {
			if err := examineFor(writeFile(t, "module", c.file), c.system, c.architecture); !errors.Is(err, c.kind) {
				t.Errorf("%v, want %v", err, c.kind)
			}
		})
	}
}

// peHeader is a Windows library's of that machine, without sections.
func peHeader(machine string) string {
	return "MZ" + strings.Repeat("\x00", 58) + "\x40\x00\x00\x00" + "PE\x00\x00" + machine + strings.Repeat("\x00", 100)
}

// What the loaders of other systems say.
func TestLoaderKind(t *testing.T) {
	for said, want := range map[string]error{
		"libgal.so.1: cannot open shared object file: No such file or directory":                                   ErrMissingDependency,
		"Error loading shared library libgal.so.1: No such file or directory (needed by /m.so)":                    ErrMissingDependency,
		"dlopen(/m.so, 0x0001): Library not loaded: /usr/local/lib/libgal.dylib\n  Referenced from: /m.so":         ErrMissingDependency,
		"dlopen(/m.so, 0x0001): tried: '/m.so' (mach-o file, but is an incompatible architecture (have 'x86_64'))": ErrWrongArchitecture,
		"/m.so: cannot open shared object file: Permission denied":                                                 ErrNotLoadable,
		"/m.so: cannot enable executable stack as shared object requires: Invalid argument":                        ErrNotLoadable,
		"/m.so: failed to map segment from shared object: Operation not permitted":                                 ErrNotLoadable,
		"/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /m.so)":                      ErrNotLoadable,
		"/m.so: cannot dynamically load position-independent executable":                                           ErrNotPKCS11,
	} {
		if got := loaderKind("/m.so", said); got != want {
			t.Errorf("%s: %v, want %v", said, got, want)
		}
	}
}
