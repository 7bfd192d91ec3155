package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

// packagesOf builds the programs of an architecture and its package, for each version.
func packagesOf(t *testing.T, a arch, versions ...string) (msi map[string]string) {
	t.Helper()
	root, err := winetest.Repository()
	if err != nil {
		t.Fatal(err)
	}
	msi = map[string]string{}
	for _, version := range versions {
		programs, out := t.TempDir(), t.TempDir()
		goarch := map[string]string{"x64": "amd64", "x86": "386"}[a.name]
		cmd := exec.CommandContext(t.Context(), "scripts/windows", programs, goarch)
		cmd.Dir, cmd.Env = root, append(os.Environ(), "CPX_VERSION="+version)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if err := build(a, version, filepath.Join(programs, a.programs), out); err != nil {
			t.Fatal(err)
		}
		msi[version] = filepath.Join(out, "cpx-bridge-"+version+"-"+a.name+".msi")
	}
	return msi
}

// windows is a Windows in which packages are installed.
type windows struct {
	*winetest.Wine10
	t       *testing.T
	folder  string // of the program, below C:
	program string // the console's, as Windows names it
}

// opens puts entries of others into a Windows, beside which a package has to live.
func opens(t *testing.T, a arch, wine *winetest.Wine10) *windows {
	t.Helper()
	w := &windows{Wine10: wine, t: t}
	w.folder, w.program = a.installed()
	// Others' entries: a key that is empty goes with its last entry, and Windows' own never is.
	for _, value := range [][]string{{`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run`, "Other", "other.exe"}, {`HKLM\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Run`, "Other", "other.exe"},
		{`HKLM\SOFTWARE\Policies\Google\Chrome\LoopbackNetworkAllowedForUrls`, "1", "https://autre.example.fr"}} {
		if out, err := w.Command("reg", "add", value[0], "/v", value[1], "/d", value[2]).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return w
}

// installed is where an architecture's package puts the program: the folder below C:, and the
// console's program as Windows names it.
func (a arch) installed() (folder, program string) {
	folder = "Program Files/CPx Bridge"
	if a.name == "x86" {
		folder = "Program Files (x86)/CPx Bridge"
	}
	return folder, `C:\` + strings.ReplaceAll(folder, "/", `\`) + `\cpx-agent.exe`
}

// msiexec runs it silently, as what distributes programs does.
func (w *windows) msiexec(want int, args ...string) { w.msiexecs([]int{want}, args...) }

func (w *windows) msiexecs(want []int, args ...string) {
	w.t.Helper()
	log := filepath.Join(w.t.TempDir(), "msi.log")
	cmd := w.Command("msiexec", append(args, "/qn", "/norestart", "/l*v", "Z:"+strings.ReplaceAll(log, "/", `\`))...)
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); !slices.Contains(want, got) {
		text, _ := os.ReadFile(log)
		w.t.Fatalf("msiexec %q: %v, status %d, want %d\n%s\n%s", args, err, got, want, out, text)
	}
}

// says runs the installed program.
func (w *windows) says(status int, wanted string, args ...string) {
	w.t.Helper()
	cmd := w.Command(w.program, append(args, "--lang", "en")...)
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != status || !strings.Contains(string(out), wanted) {
		w.t.Errorf("cpx-agent %q: %v, status %d, want %d and %q in\n%s", args, err, got, status, wanted, out)
	}
}

// registry is what stands below the keys, sorted; what Windows itself notes there of
// every package is not of ours to remove.
func (w *windows) registry() []string {
	w.t.Helper()
	var lines []string
	for _, key := range []string{`HKLM\SOFTWARE\CPxBridge`, `HKLM\SOFTWARE\Policies`, `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run`, `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall`, `HKLM\SOFTWARE\Wow6432Node\CPxBridge`, `HKLM\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Run`,
		`HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\CPxBridge`} {
		out := w.queries(key)
		for line := range strings.Lines(string(out)) {
			lines = append(lines, key+": "+strings.TrimSpace(line))
		}
	}
	slices.Sort(lines)
	return lines
}

// queries is what reg prints of a key, and nothing of what wine says beside it. One that crashed
// in wine has told nothing.
func (w *windows) queries(key string) []byte {
	for range 2 {
		out, err := w.Command("reg", "query", key, "/s").Output()
		if ended, is := errors.AsType[*exec.ExitError](err); !is || !bytes.Contains(ended.Stderr, []byte("wine: Unhandled")) {
			return out
		}
	}
	w.t.Fatalf("reg crashes at %s", key)
	return nil
}

// files are all below C:, but what Windows keeps of its own.
func (w *windows) files() []string {
	w.t.Helper()
	var files []string
	root := w.Path("")
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		switch name {
		case "windows/temp", "windows/Installer", "users/root/AppData/Local/Temp", "users/root/Temp":
			return filepath.SkipDir
		}
		files = append(files, name)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return files
}

func same(t *testing.T, what string, before, after []string) {
	t.Helper()
	for _, x := range after {
		if !slices.Contains(before, x) {
			t.Errorf("%s: stays: %s", what, x)
		}
	}
	for _, x := range before {
		if !slices.Contains(after, x) {
			t.Errorf("%s: is gone: %s", what, x)
		}
	}
}

// fatal is ERROR_INSTALL_FAILURE, of whose status this system sees the last byte; of 3010,
// which wants a restart of Windows, it would see 194.
const fatal = 1603 & 0xff

func hasEnded(t *testing.T, what string, ended <-chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(testdesktop.Patience):
		t.Errorf("%s goes on", what)
	}
}

// z is a path of this system as Windows sees it.
func z(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }
