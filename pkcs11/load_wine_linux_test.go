package pkcs11

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// TestWindowsLoads: Windows' loader names no library that is missing, so the agent
// does; wine's stands for it here.
func TestWindowsLoads(t *testing.T) {
	dir := t.TempDir()
	dll := func(name, source string, more ...string) string {
		t.Helper()
		file, path := filepath.Join(dir, name+".c"), filepath.Join(dir, name+".dll")
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), "x86_64-w64-mingw32-gcc", append([]string{"-shared", "-o", path, file}, more...)...).CombinedOutput(); err != nil {
			t.Fatalf("gcc: %v\n%s", err, out)
		}
		return path
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
	w := winetest.New(t)
	var args, want []string
	for _, c := range []struct {
		path string
		kind error
		says string
	}{
		{dll("dependent", "int gone(void); __declspec(dllexport) unsigned long C_GetFunctionList(void **l) { return gone(); }", gone), ErrMissingDependency, "gone.dll"},
		{dll("other", "__declspec(dllexport) int other(void) { return 1; }"), ErrNotPKCS11, "C_GetFunctionList"},
		{dll("failing", "__declspec(dllexport) unsigned long C_GetFunctionList(void **l) { return 5; }"), ErrModuleFailed, "CKR_GENERAL_ERROR"},
		{changed("x86", func(b []byte) []byte {
			at := strings.Index(string(b), "PE\x00\x00")
			b[at+4], b[at+5] = 0x4c, 0x01
			return b
		}), ErrWrongArchitecture, "386"},
		{changed("cut", func(b []byte) []byte { return b[:1000] }), ErrNotLoadable, ""},
		{changed("empty", func([]byte) []byte { return nil }), ErrNotLoadable, "empty"},
		{changed("text", func([]byte) []byte { return []byte("no library") }), ErrNotPKCS11, "no library"},
	} {
		args, want = append(args, "Z:"+strings.ReplaceAll(c.path, "/", `\`)), append(want, c.kind.Error()+"|"+c.says)
	}
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(w.Run(winetest.BuildWithC(t, "./testdata/states"), args...), "\r", "")), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%q", lines)
	}
	for i, line := range lines {
		kind, says, _ := strings.Cut(want[i], "|")
		if !strings.HasPrefix(line, kind) || !strings.Contains(line, says) {
			t.Errorf("%s: %s, want %s with %q", args[i], line, kind, says)
		}
	}
}
