package windowslab

import (
	"strings"
)

// policyKey is the machine's policy.
const policyKey = `HKEY_LOCAL_MACHINE\SOFTWARE\Policies\CPxBridge`

// key is a key of the policy with its values, as reg.exe's files have them.
func key(name string, values ...string) string {
	if name != "" {
		name = `\` + name
	}
	return "[" + policyKey + name + "]\n" + strings.Join(values, "\n") + "\n"
}

// setPolicy adds keys to the machine's policy.
func (w *World) setPolicy(keys ...string) {
	w.t.Helper()
	if err := write(w.windows.Path("cpx/policy.reg"), []byte("REGEDIT4\n\n"+strings.Join(keys, "\n"))); err != nil {
		w.t.Fatal(err)
	}
	w.regedit("import", `C:\cpx\policy.reg`)
	w.policy = true
}

// dropPolicy removes it, where there is one.
func (w *World) dropPolicy() {
	w.t.Helper()
	if w.policy {
		w.regedit("delete", policyKey, "/f")
		w.policy = false
	}
}

func (w *World) regedit(args ...string) {
	w.t.Helper()
	if out, err := w.windows.Command("reg", args...).CombinedOutput(); err != nil {
		w.t.Fatalf("reg %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
