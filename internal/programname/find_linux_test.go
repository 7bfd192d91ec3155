package programname

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// TestStartedBy: an entry names the program that it starts, directly, by a link, by a
// script beside it or of its folder's name, and no other.
func TestStartedBy(t *testing.T) {
	w := newWorld(t)
	const script = "#!/bin/sh\nexec x\n"
	firefox, chromium, chrome := w.program("lib/firefox-esr/firefox-esr"), w.program("lib/chromium/chromium"), w.program("opt/google/chrome/chrome")
	snapped, python, alone := w.program("snap/brave/12/opt/brave"), w.program("bin/python3"), w.program("lib/chromium-browser/other")
	snapd := w.program("bin/snap")
	w.must(os.Symlink("../lib/firefox-esr/firefox-esr", w.path("bin/firefox-esr")))
	w.write("bin/chromium", script, 0o755)
	w.write("opt/google/chrome/google-chrome", script, 0o755)
	w.must(os.Symlink("../opt/google/chrome/google-chrome", w.path("bin/google-chrome-stable")))
	w.must(os.Mkdir(w.path("snap/bin"), 0o755))
	w.must(os.Symlink("../../bin/snap", w.path("snap/bin/brave")))
	w.write("bin/qutebrowser", "#!"+python+"\n", 0o755)

	w.entry("share/applications/firefox-esr.desktop", "Firefox ESR", "firefox-esr %u", "")
	w.entry("share/applications/firefox-second.desktop", "Fox", w.path("bin/absent")+" %u", "")
	w.entry("share/applications/chromium.desktop", "Chromium", w.path("bin/chromium")+" %U", "")
	w.entry("share/applications/google-chrome.desktop", "Google Chrome", w.path("bin/google-chrome-stable")+" %U", "")
	w.entry("share/applications/com.google.Chrome.desktop", "Chrome", w.path("bin/google-chrome-stable")+" %U", "NoDisplay=true\n")
	w.entry("share/applications/bank.desktop", "Ma banque", w.path("bin/chromium")+" --app=https://banque.example", "")
	w.entry("local/applications/bank2.desktop", "B", w.path("bin/google-chrome-stable")+" https://banque.example", "")
	w.entry("share/applications/qutebrowser.desktop", "qutebrowser", "qutebrowser %u", "")
	w.entry("snapd/applications/brave_brave.desktop", "Brave", "env X="+w.path("a")+" "+w.path("snap/bin/brave")+" %U", "")
	for path, want := range map[string]string{
		firefox: "Firefox ESR", chromium: "Chromium", chrome: "Google Chrome", snapped: "Brave",
		python: python, alone: alone, snapd: snapd, "/nonexistent/firefox": "/nonexistent/firefox",
	} {
		if got := w.named(fileAt(path)); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	list := w.of(t.Context(), []File{fileAt(chrome), fileAt(python)})
	if got := list.Text("fr"); got != chrome+", "+python || list.Named() {
		t.Errorf("beside one without a name: %q", got)
	}
	if got := list.Log(); got != "Google Chrome ("+chrome+"), "+python {
		t.Errorf("the log has %q", got)
	}
	if got := w.of(t.Context(), []File{fileAt(chrome), fileAt(chrome)}); got.Text("fr") != "Google Chrome" || !got.Named() {
		t.Errorf("twice: %q", got.Text("fr"))
	}
	if got := w.of(t.Context(), nil); got.Text("fr") != "" || got.Named() {
		t.Errorf("none: %q", got.Text("fr"))
	}
}

// TestChanges: what is installed, changed or removed while the agent runs counts at once,
// and what has not changed is not read again.
func TestChanges(t *testing.T) {
	w := newWorld(t)
	firefox := w.program("lib/firefox/firefox")
	expect := func(want string) {
		t.Helper()
		if got := w.named(fileAt(firefox)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	expect(firefox)
	file := w.entry("share/applications/firefox.desktop", "Firefox", firefox, "")
	expect("Firefox")
	read := w.read
	expect("Firefox")
	if w.read != read {
		t.Error("what has not changed is read twice")
	}
	w.must(os.WriteFile(file, []byte(strings.Replace(firefoxEntry, "/usr/lib/firefox/firefox", firefox, 1)+"# \n"), 0o644))
	w.must(os.WriteFile(file, []byte("[Desktop Entry]\nType=Application\nCategories=WebBrowser;\nName=Fox\nExec="+firefox+"\n"), 0o644))
	expect("Fox")
	w.must(os.Remove(file))
	expect(firefox)
}

// TestHangs: while a folder does not answer, programs have their paths, as soon as who asks
// waits no more, and one reading of it goes on; once it answers, they have their names.
func TestHangs(t *testing.T) {
	w := newWorld(t)
	firefox := w.program("lib/firefox/firefox")
	w.entry("share/applications/firefox.desktop", "Firefox", firefox, "")
	opened, answers := make(chan string, 100), make(chan struct{})
	w.open = func(folder string) (*os.File, error) {
		opened <- folder
		<-answers
		return os.Open(folder)
	}
	for i := range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan string)
		go func() { got <- w.of(ctx, []File{fileAt(firefox)}).Text("en") }()
		if i == 0 {
			<-opened
		}
		cancel()
		select {
		case name := <-got:
			if name != firefox {
				t.Fatalf("%q, want %q", name, firefox)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("it waits for the folder")
		}
	}
	if n := len(opened); n != 0 {
		t.Errorf("%d more folders opened while the first goes on", n)
	}
	close(answers)
	if got := w.named(fileAt(firefox)); got != "Firefox" {
		t.Errorf("once it answers: %q", got)
	}
}

// TestBounds: what is no regular file, too large or too much is left out, and nothing waits.
func TestBounds(t *testing.T) {
	w := newWorld(t)
	firefox := w.program("lib/firefox/firefox")
	w.entry("share/applications/a.desktop", "Large", firefox, "#"+strings.Repeat("x", maxEntry))
	w.must(exec.Command("mkfifo", w.path("share/applications/b.desktop")).Run())
	w.must(os.Mkdir(w.path("share/applications/c.desktop"), 0o755))
	w.must(os.Symlink("/dev/zero", w.path("share/applications/d.desktop")))
	w.must(os.Symlink("e.desktop", w.path("share/applications/e.desktop")))
	if got := w.named(fileAt(firefox)); got != firefox {
		t.Errorf("%q", got)
	}
	w.entry("share/applications/f.desktop", "Firefox", firefox, "")
	if got := w.named(fileAt(firefox)); got != "Firefox" {
		t.Errorf("%q", got)
	}
}

// TestInstalled: this machine's own browsers, as their packages install them.
func TestInstalled(t *testing.T) {
	for path, want := range map[string][]string{
		"/usr/lib/firefox-esr/firefox-esr": {"Firefox ESR"}, "/usr/lib/chromium/chromium": {"Chromium"},
	} {
		need.File(t, path)
		for _, lang := range []string{"fr", "en"} {
			if got := Of(t.Context(), []File{fileAt(path)}).Text(lang); got != want[0] {
				t.Errorf("%s in %s: %q, want %q", path, lang, got, want)
			}
		}
	}
	for _, path := range []string{"/usr/bin/python3", "/usr/bin/env", "/bin/sh", "/usr/bin/vim.basic"} {
		path, _ = filepath.EvalSymlinks(path)
		if got := Of(t.Context(), []File{fileAt(path)}); got.Named() {
			t.Errorf("%s is called %q", path, got.Text("en"))
		}
	}
}
