package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// runs starts both programs of an architecture in wine 10: each says its version, looks
// for modules in the folders of its own architecture, and where there is one of the other
// alone says that; both read the machine's policy.
func runs(t *testing.T, dir, arch string) {
	w := winetest.New10(t)
	install(t, filepath.Join(dir, "cpx-agent.exe"), w.Path("cpx/cpx-agent.exe"))
	install(t, filepath.Join(dir, "cpx-agentw.exe"), w.Path("cpx/cpx-agentw.exe"))
	says := func(program string, status int, wanted []string, args ...string) {
		t.Helper()
		out, err := w.Command(`C:\cpx\`+program, args...).CombinedOutput()
		var ended *exec.ExitError
		if errors.As(err, &ended) && ended.ExitCode() == status || err == nil && status == 0 {
			err = nil
		} else {
			t.Errorf("%s %s %s: %v, want status %d", arch, program, args, err, status)
		}
		for _, want := range wanted {
			if !strings.Contains(strings.ToLower(string(out)), strings.ToLower(want)) {
				t.Errorf("%s %s %s: no %q in\n%s", arch, program, args, want, out)
			}
		}
	}
	known := map[string][]string{
		"amd64": {`C:\windows\system32\cps3_pkcs11_w64.dll`, `C:\Program Files\OpenSC Project\OpenSC\pkcs11\opensc-pkcs11.dll`},
		"386":   {`C:\windows\syswow64\cps3_pkcs11_w32.dll`, `C:\Program Files (x86)\OpenSC Project\OpenSC\pkcs11\opensc-pkcs11.dll`},
	}
	for _, program := range []string{"cpx-agent.exe", "cpx-agentw.exe"} {
		says(program, 0, []string{"cpx-agent 1.2.3"}, "version")
		says(program, 1, []string{"no module is configured"}, "certs", "--lang", "en")
		says(program, 1, append(known[arch], "No card module is installed"), "doctor", "--lang", "en")
	}
	other, where := "386", "windows/syswow64/cps3_pkcs11_w32.dll"
	refusal := "the file is for 386, and this program is windows/amd64"
	if arch == "386" {
		other, where = "amd64", "windows/system32/cps3_pkcs11_w64.dll"
		refusal = "the file is for amd64, and this program is windows/386"
	}
	compiler := winetest.Compilers[other]
	out, err := exec.CommandContext(t.Context(), compiler, "-shared", `-DNAME="OTHER"`, "-o", w.Path(where), filepath.Join(root, "pkcs11/testdata/dll/module.c")).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", compiler, err, out)
	}
	bad := `SOFTWARE\Policies\CPxBridge`
	if out, err := w.Command("reg", "add", `HKLM\`+bad, "/v", "colour", "/d", "red").CombinedOutput(); err != nil {
		t.Fatalf("reg: %v\n%s", err, out)
	}
	for _, program := range []string{"cpx-agent.exe", "cpx-agentw.exe"} {
		says(program, 2, []string{bad + `\colour`}, "run", "--no-tray")
	}
	if out, err := w.Command("reg", "delete", `HKLM\`+bad, "/f").CombinedOutput(); err != nil {
		t.Fatalf("reg: %v\n%s", err, out)
	}
	says("cpx-agent.exe", 1, []string{refusal, "there is CPx Bridge in 64 and in 32 bits"}, "doctor", "--lang", "en")
}

func install(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err := errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, text, 0o755)); err != nil {
		t.Fatal(err)
	}
}
