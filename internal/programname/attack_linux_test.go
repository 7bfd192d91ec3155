package programname

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/testdesktop"
)

// needsRoot skips a test that makes files of root's and of another user's: a user namespace,
// which anybody may have, knows one user alone.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("what belongs to others, and what is mounted, can be made by root alone")
	}
}

// TestPersonsProgram: a program of the person's own has no name, whatever entry names it
// and whatever it calls itself, and is shown by its whole path.
func TestPersonsProgram(t *testing.T) {
	needsRoot(t)
	w := newWorld(t)
	home := w.path("home")
	evil := w.program("home/firefox/firefox")
	w.entry("home/applications/firefox.desktop", "Firefox", evil, "")
	w.entry("share/applications/firefox.desktop", "Firefox", evil, "") // an administrator's, for a program of the person's
	for _, path := range []string{home, w.path("home/firefox"), evil, w.path("home/applications"), w.path("home/applications/firefox.desktop")} {
		w.must(os.Chown(path, testdesktop.Nobody, testdesktop.Nobody))
	}
	t.Setenv("XDG_DATA_DIRS", home)
	t.Setenv("XDG_DATA_HOME", home)
	if got := w.named(fileAt(evil)); got != evil {
		t.Errorf("a program of the person's is called %q", got)
	}

	// And the system's has none by an entry of the person's, wherever it lies.
	chrome := w.program("opt/chrome/chrome")
	own := w.entry("local/applications/chrome.desktop", "Firefox", chrome, "")
	w.must(os.Chown(own, testdesktop.Nobody, testdesktop.Nobody))
	if got := w.named(fileAt(chrome)); got != chrome {
		t.Errorf("by an entry of the person's: %q", got)
	}
	w.must(os.Chown(own, 0, 0))
	w.must(os.Chmod(filepath.Dir(own), 0o777))
	if got := w.named(fileAt(chrome)); got != chrome {
		t.Errorf("by an entry in a folder of everybody's: %q", got)
	}
	w.must(os.Chmod(filepath.Dir(own), 0o755))
	if got := w.named(fileAt(chrome)); got != "Firefox" {
		t.Fatalf("by an entry of root's: %q", got)
	}
	for what, path := range map[string]string{"file": chrome, "folder": filepath.Dir(chrome)} {
		w.must(os.Chmod(path, 0o777))
		if got := w.named(fileAt(chrome)); got != chrome {
			t.Errorf("a program whose %s everybody writes: %q", what, got)
		}
		w.must(os.Chmod(path, 0o755))
	}
}

// inNamespace is a command that runs a script of the shell in mounts of its own.
func inNamespace(script string, args ...string) *exec.Cmd {
	return exec.Command("unshare", append([]string{"--mount", "--propagation", "private", "/bin/sh", "-ec", script, "sh"}, args...)...)
}

// TestOtherMounts: a file that is bound over the browser's in mounts of a person's own has
// the browser's path by the system's own word, and not its name.
func TestOtherMounts(t *testing.T) {
	needsRoot(t)
	need.Program(t, "unshare")
	w := newWorld(t)
	firefox, evil := w.program("lib/firefox/firefox"), w.program("home/evil")
	w.entry("share/applications/firefox.desktop", "Firefox", firefox, "")
	if got := w.named(w.running(exec.Command(firefox))); got != "Firefox" {
		t.Fatalf("the browser itself: %q", got)
	}
	w.must(os.Chown(evil, testdesktop.Nobody, testdesktop.Nobody))
	for what, script := range map[string]string{
		"bound over it":           `mount --bind "$2" "$1"; exec "$1"`,
		"root's, bound over it":   `chown 0:0 "$2"; mount --bind "$2" "$1"; exec "$1"`,
		"in a folder over its":    `mount -t tmpfs none "$(dirname "$1")"; cp "$2" "$1"; exec "$1"`,
		"removed after its start": `mount -t tmpfs none "$(dirname "$1")"; cp "$2" "$1"; exec 3<"$1"; rm "$1"; exec /proc/self/fd/3`,
	} {
		f := w.running(inNamespace(script, firefox, evil))
		if strings.TrimSuffix(f.Path, deleted) != firefox {
			t.Fatalf("%s: the system states %q", what, f.Path)
		}
		list := w.of(t.Context(), []File{f})
		if list.Named() || list.Text("fr") != f.Path+", dans un environnement isolé" || list.Log() != f.Path+", in an isolated environment" {
			t.Errorf("%s: %q, %q", what, list.Text("fr"), list.Log())
		}
	}
}

// TestUpgraded: a browser that was upgraded or removed while it runs goes by its name; one
// of the person's that was removed does not.
func TestUpgraded(t *testing.T) {
	needsRoot(t)
	w := newWorld(t)
	firefox := w.program("lib/firefox/firefox")
	w.entry("share/applications/firefox.desktop", "Firefox", firefox, "")
	cmd := exec.Command(firefox)
	w.running(cmd)
	process := func() File { return w.runs(cmd) }
	w.must(os.Rename(w.program("lib/firefox/new"), firefox))
	if got := process(); got.Path != firefox+deleted || w.named(got) != "Firefox" {
		t.Errorf("upgraded: %+v is called %q", got, w.named(got))
	}
	w.must(os.Chown(filepath.Dir(firefox), testdesktop.Nobody, testdesktop.Nobody))
	if got := process(); w.named(got) != got.Path {
		t.Errorf("in a folder of the person's: %q", w.named(got))
	}
}

// TestFlatpak: a program of the machine's Flatpaks has the name of its application, and one
// that says it is such a one does not.
func TestFlatpak(t *testing.T) {
	needsRoot(t)
	need.Program(t, "unshare")
	w := newWorld(t)
	const id = "org.mozilla.firefox"
	firefox := w.program("flatpak/app/" + id + "/x86_64/stable/0/files/lib/firefox/firefox")
	evil := w.program("home/evil")
	w.must(os.Symlink("x86_64/stable", w.path("flatpak/app/"+id+"/current")))
	w.must(os.Symlink("0", w.path("flatpak/app/"+id+"/x86_64/stable/active")))
	w.entry("flatpak/exports/"+id+".desktop", "Firefox", "/usr/bin/flatpak run --command=firefox "+id+" @@u %u @@", "X-Flatpak="+id+"\n")
	w.entry("flatpak/exports/"+id+".bank.desktop", "B", "/usr/bin/flatpak run "+id+" --app=x", "X-Flatpak="+id+"\n")
	// As bubblewrap does: a root of its own, with the application's files in /app.
	const mounted = `mount -t tmpfs none "$3"; mkdir "$3/app" "$3/old" "$3/proc"; for l in usr lib lib64; do ln -s "old/$l" "$3/$l"; done; mount --rbind "$(dirname "$1")/../.." "$3/app"
printf "[Application]\nname=org.mozilla.firefox\n" >"$3/.flatpak-info"; cp "$2" "$3/evil"
mount --rbind /proc "$3/proc"; cd "$3"; exec 4<"$3/evil"; pivot_root . old; `
	if err := os.Mkdir(w.path("root"), 0o755); err != nil {
		t.Fatal(err)
	}
	f := w.running(inNamespace(mounted+`exec /app/lib/firefox/firefox`, firefox, evil, w.path("root")))
	if f.Path != "/app/lib/firefox/firefox" || w.named(f) != "Firefox" {
		t.Errorf("%s is called %q", f.Path, w.named(f))
	}
	f = w.running(inNamespace(mounted+`/old/bin/mount --bind /evil /app/lib/firefox/firefox; exec /app/lib/firefox/firefox`, firefox, evil, w.path("root")))
	if f.Path != "/app/lib/firefox/firefox" || w.of(t.Context(), []File{f}).Named() {
		t.Errorf("another's %s is called %q", f.Path, w.named(f))
	}
	w.must(unix.Chown(firefox, testdesktop.Nobody, testdesktop.Nobody))
	f = w.running(inNamespace(mounted+`exec /app/lib/firefox/firefox`, firefox, evil, w.path("root")))
	if w.of(t.Context(), []File{f}).Named() {
		t.Errorf("one of the person's is called %q", w.named(f))
	}
}
