package autostart

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

var testIcons = map[string][]byte{"48x48/apps/cpx-bridge.png": []byte("48"), "scalable/apps/cpx-bridge.svg": []byte("<svg/>")}

// data gives the test a folder of data of its own, and where the entry and an icon stand in it.
func data(t *testing.T) (entry, icon string) {
	t.Helper()
	home := filepath.Join(t.TempDir(), "da[t]a")
	t.Setenv("XDG_DATA_HOME", home)
	t.Setenv("XDG_DATA_DIRS", filepath.Join(t.TempDir(), "everyone"))
	return filepath.Join(home, applications, file), filepath.Join(home, hicolor, "48x48", "apps", "cpx-bridge.png")
}

// puts put there what others may have in the place of a file.
var puts = map[string]func(path string) error{
	"a file": func(path string) error { return os.WriteFile(path, []byte("[Desktop Entry]\nExec=/mine run\n"), 0o600) },
	"a copy that was changed": func(path string) error {
		text, err := MenuEntry("/bin/true")
		return errors.Join(err, os.WriteFile(path, []byte(text+"Actions=mine;\n"), 0o600))
	},
	"an entry with a note": func(path string) error {
		return os.WriteFile(path, []byte("# the hospital's\n[Desktop Entry]\nHidden=false\n"), 0o600)
	},
	"a link to ours": func(path string) error {
		text, err := MenuEntry("/bin/true")
		return errors.Join(err, os.WriteFile(filepath.Join(filepath.Dir(path), "kept"), []byte(text+mark), 0o600), os.Symlink("kept", path))
	},
	"a link to nothing": func(path string) error { return os.Symlink("/nonexistent/x", path) },
	"a folder":          func(path string) error { return os.Mkdir(path, 0o700) },
	"a pipe":            func(path string) error { return syscall.Mkfifo(path, 0o600) },
}

// isForeign checks that the error names exactly the paths, and that what stands there is as it was.
func isForeign(t *testing.T, what string, err error, before os.FileInfo, paths ...string) {
	t.Helper()
	foreign, is := errors.AsType[*ForeignError](err)
	if !is || !slices.Equal(foreign.Paths, paths) || !strings.Contains(foreign.Error(), paths[0]) {
		t.Errorf("%s: %v, want it to name %q", what, err, paths)
	}
	now, err := os.Lstat(paths[0])
	if err != nil || !os.SameFile(before, now) || now.ModTime() != before.ModTime() {
		t.Errorf("%s: it was changed: %v", what, err)
	}
}

func put(t *testing.T, path string, what func(string) error) os.FileInfo {
	t.Helper()
	do(t, os.MkdirAll(filepath.Dir(path), 0o700))
	do(t, what(path))
	info, err := os.Lstat(path)
	do(t, err)
	return info
}

// TestOthersEntry: what others put where the menu's entry has its place stays, is named, and keeps
// everything else from being changed.
func TestOthersEntry(t *testing.T) {
	for what, how := range puts {
		entry, icon := data(t)
		before := put(t, entry, how)
		isForeign(t, what+", add", AddToMenu("/bin/true", testIcons), before, entry)
		if _, err := os.Lstat(icon); !os.IsNotExist(err) {
			t.Errorf("%s: an icon was written: %v", what, err)
		}
		isForeign(t, what+", remove", RemoveFromMenu(testIcons), before, entry)
	}
}

// TestOthersIcon: likewise for an icon, while what is ours beside it goes.
func TestOthersIcon(t *testing.T) {
	for what, how := range puts {
		entry, icon := data(t)
		before := put(t, icon, how)
		isForeign(t, what+", add", AddToMenu("/bin/true", testIcons), before, icon)
		if _, err := os.Lstat(entry); !os.IsNotExist(err) {
			t.Errorf("%s: the entry was written: %v", what, err)
		}
		other := map[string][]byte{"scalable/apps/cpx-bridge.svg": testIcons["scalable/apps/cpx-bridge.svg"]}
		do(t, AddToMenu("/bin/true", other))
		isForeign(t, what+", remove", RemoveFromMenu(testIcons), before, icon)
		for _, gone := range []string{entry, filepath.Join(filepath.Dir(entry), "..", hicolor, "scalable")} {
			if _, err := os.Lstat(gone); !os.IsNotExist(err) {
				t.Errorf("%s: %s stays: %v", what, gone, err)
			}
		}
	}
}

// TestOthersBesideTheMachines: where the machine has an entry, the person's own work is as safe.
func TestOthersBesideTheMachines(t *testing.T) {
	entry, _ := data(t)
	text, err := MenuEntry("/bin/true")
	do(t, err)
	write(t, filepath.Join(os.Getenv("XDG_DATA_DIRS"), applications, file), text)
	before := put(t, entry, puts["a copy that was changed"])
	isForeign(t, "add", AddToMenu("/bin/true", testIcons), before, entry)
	do(t, os.Remove(entry))
	do(t, AddToMenu("/bin/true", testIcons))
}

// TestOursFromBefore: what earlier versions wrote, without the mark, is replaced and removed.
func TestOursFromBefore(t *testing.T) {
	entry, _ := data(t)
	for _, more := range []string{"", madeKey + "=applications;\n"} {
		old, err := MenuEntry("/opt/a b/$c/cpx-agent")
		do(t, err)
		write(t, entry, old+more)
		do(t, AddToMenu("/bin/true", testIcons))
		write(t, entry, old+more)
		do(t, RemoveFromMenu(testIcons))
		if _, err := os.Lstat(entry); !os.IsNotExist(err) {
			t.Errorf("it stays: %v", err)
		}
	}
	start, _ := home(t)
	for _, args := range [][]string{AtLogin, {"run"}} {
		for _, more := range []string{"", "X-GNOME-Autostart-enabled=false\n", "Hidden=true\n"} {
			old, err := startEntry("/opt/cpx-agent", args)
			do(t, err)
			write(t, start, old+more)
			do(t, Enable("/bin/true"))
			is(t, "enabled", State{Enabled: true, Where: start})
		}
	}
	for _, desktops := range []string{hidden, "[Desktop Entry]\nHidden=true\n"} {
		write(t, start, desktops)
		do(t, Enable("/bin/true"))
		is(t, "enabled", State{Enabled: true, Where: start})
	}
}

// TestIconsOfAnotherVersion: the icons of a version that drew them otherwise are replaced and
// removed, also one that is drawn no more; what the person put in an icon's place stays, and an
// entry without the mark vouches for none.
func TestIconsOfAnotherVersion(t *testing.T) {
	earlier := map[string][]byte{"48x48/apps/cpx-bridge.png": []byte("old 48"), "22x22/apps/cpx-bridge.png": []byte("old 22")}
	entry, icon := data(t)
	small := filepath.Join(filepath.Dir(icon), "..", "..", "22x22", "apps", "cpx-bridge.png")
	do(t, AddToMenu("/bin/true", earlier))
	do(t, AddToMenu("/bin/true", testIcons))
	if text, err := os.ReadFile(icon); err != nil || string(text) != "48" {
		t.Errorf("%q %v", text, err)
	}
	do(t, RemoveFromMenu(testIcons))
	if rest, err := os.ReadDir(filepath.Join(filepath.Dir(entry), "..")); !os.IsNotExist(err) {
		t.Errorf("%v %v stay", rest, err)
	}

	do(t, AddToMenu("/bin/true", earlier))
	do(t, RemoveFromMenu(testIcons))
	for _, gone := range []string{entry, icon, small} {
		if _, err := os.Lstat(gone); !os.IsNotExist(err) {
			t.Errorf("%s stays: %v", gone, err)
		}
	}

	do(t, AddToMenu("/bin/true", earlier))
	before := put(t, icon, puts["a file"])
	isForeign(t, "add", AddToMenu("/bin/true", testIcons), before, icon)
	do(t, os.WriteFile(icon, earlier["48x48/apps/cpx-bridge.png"], 0o600))
	text, err := os.ReadFile(entry)
	do(t, err)
	write(t, entry, strings.Replace(string(text), mark, "", 1))
	if foreign, is := errors.AsType[*ForeignError](AddToMenu("/bin/true", testIcons)); !is || !slices.Contains(foreign.Paths, icon) {
		t.Errorf("%v, want it to name %s", foreign, icon)
	}
}

// TestOthersStart: what others put where the autostart entry has its place stays, and is named.
func TestOthersStart(t *testing.T) {
	for what, how := range puts {
		start, machine := home(t)
		before := put(t, start, how)
		isForeign(t, what+", enable", Enable("/bin/true"), before, start)
		isForeign(t, what+", disable", Disable(), before, start)
		text, err := DesktopEntry("/bin/true")
		do(t, err)
		write(t, machine, text)
		isForeign(t, what+", enable beside the machine's", Enable("/bin/true"), before, start)
	}
	start, _ := home(t)
	before := put(t, start, func(path string) error {
		return os.WriteFile(path, []byte("[Desktop Entry]\nExec=/mine run\nHidden=true\n"), 0o600)
	})
	do(t, Disable()) // it starts nothing already
	if now, err := os.Lstat(start); err != nil || !os.SameFile(before, now) {
		t.Errorf("a hidden entry of the person's was replaced: %v", err)
	}
}

// TestUnwritableFolder: a folder that is a file, or that nobody may write, is named, and nothing
// is lost.
func TestUnwritableFolder(t *testing.T) {
	entry, _ := data(t)
	folder := filepath.Dir(entry)
	write(t, folder, "mine")
	for _, err := range []error{AddToMenu("/bin/true", testIcons), RemoveFromMenu(testIcons)} {
		if path, is := errors.AsType[*os.PathError](err); !is || path.Path != entry {
			t.Errorf("%v, want it to name %s", err, entry)
		}
	}
	if text, err := os.ReadFile(folder); err != nil || string(text) != "mine" {
		t.Errorf("%q %v", text, err)
	}
}

// TestDataHomeThatDoesNotCount: a relative XDG_DATA_HOME is none (XDG Base Directory Specification).
func TestDataHomeThatDoesNotCount(t *testing.T) {
	data(t)
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_DATA_HOME", "relative")
	do(t, AddToMenu("/bin/true", testIcons))
	entry := filepath.Join(home, ".local", "share", applications, file)
	if s, err := Menu(); err != nil || s.Where != entry {
		t.Errorf("%+v %v, want %s", s, err, entry)
	}
	do(t, RemoveFromMenu(testIcons))
	if rest, err := os.ReadDir(filepath.Join(home, ".local")); err != nil || len(rest) > 1 {
		t.Errorf("%v %v", rest, err)
	}
}
