package filewatch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// following follows a file, and returns what waits until it was noticed to be so.
func following(t *testing.T, file string) (noticed func(want string)) {
	t.Helper()
	seen := make(chan string, 1000)
	go func() {
		if err := Follow(t.Context(), []string{file}, func() { seen <- now(file) }); err != nil {
			t.Error(err)
		}
	}()
	noticed = func(want string) {
		t.Helper()
		want = modeless(want)
		last := ""
		for {
			select {
			case last = <-seen:
				if last == want {
					return
				}
			case <-time.After(20 * time.Second): // or this would wait for the test's own end
				t.Fatalf("%s, want %s", last, want)
			}
		}
	}
	noticed(now(file))
	return noticed
}

// now is what there is of a file.
func now(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return "nothing"
	}
	var text []byte
	_ = steadily(func() error { text, err = os.ReadFile(file); return err })
	return modeless(fmt.Sprintf("%s %03o", text, info.Mode().Perm()))
}

// modeless leaves out the mode on Windows, where files have none.
func modeless(state string) string {
	if runtime.GOOS == "windows" {
		state, _, _ = strings.Cut(state, " ")
	}
	return state
}

func do(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func write(path, text string) error {
	return steadily(func() error { return os.WriteFile(path, []byte(text), 0o600) })
}

func rename(from, to string) error { return steadily(func() error { return os.Rename(from, to) }) }

func remove(path string) error { return steadily(func() error { return os.RemoveAll(path) }) }

// steadily does on Windows what fails only as long as the other side, here the test's own
// reader or writer, has the file open: as programs there do.
func steadily(do func() error) error {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := do()
		if err == nil || runtime.GOOS != "windows" || errors.Is(err, os.ErrNotExist) || time.Now().After(end) {
			return err
		}
	}
}

// TestFollow: a folder that is not there yet, its file written, replaced, removed, made
// again, given to others; the folder removed, made again, exchanged for another.
func TestFollow(t *testing.T) {
	top := t.TempDir()
	above := filepath.Join(top, "a")
	folder := filepath.Join(above, "b")
	file := filepath.Join(folder, "policy.toml")
	noticed := following(t, file)
	if _, err := os.Stat(above); err == nil {
		t.Error("a folder was made")
	}
	do(t, os.MkdirAll(folder, 0o700), write(file, "1"))
	noticed("1 600")
	do(t, write(file, "2"))
	noticed("2 600")
	do(t, write(file+".new", "3"), rename(file+".new", file))
	noticed("3 600")
	if runtime.GOOS != "windows" {
		do(t, os.Chmod(file, 0o666))
		noticed("3 666")
	}
	do(t, remove(file))
	noticed("nothing")
	do(t, write(file, "4"))
	noticed("4 600")
	do(t, rename(folder, folder+".old"))
	noticed("nothing")
	do(t, os.Mkdir(folder, 0o700), write(file, "5"))
	noticed("5 600")
	do(t, write(file, "6"))
	noticed("6 600")
	do(t, remove(above))
	noticed("nothing")
	do(t, os.MkdirAll(folder, 0o700), write(file, "7"))
	noticed("7 600")
}

// TestFollowLinks: as configuration management lays files out: a link to a file elsewhere,
// and a folder that is a link and is turned to another.
func TestFollowLinks(t *testing.T) {
	top := t.TempDir()
	one, two, etc := filepath.Join(top, "one"), filepath.Join(top, "two"), filepath.Join(top, "etc")
	file := filepath.Join(etc, "policy.toml")
	do(t, os.Mkdir(one, 0o700), os.Mkdir(two, 0o700), os.Mkdir(etc, 0o700), write(filepath.Join(one, "policy.toml"), "1"), write(filepath.Join(two, "policy.toml"), "2"))
	do(t, os.Symlink(one, filepath.Join(top, "current")), os.Symlink(filepath.Join("..", "current", "policy.toml"), file))
	noticed := following(t, file)
	do(t, write(filepath.Join(one, "policy.toml"), "3"))
	noticed("3 600")
	do(t, os.Symlink(two, filepath.Join(top, "next")), os.Rename(filepath.Join(top, "next"), filepath.Join(top, "current")))
	noticed("2 600")
	do(t, write(filepath.Join(two, "policy.toml"), "4"))
	noticed("4 600")
	do(t, os.Remove(file), write(file, "5"))
	noticed("5 600")
	do(t, os.Remove(file), os.Symlink(file, file))
	noticed("nothing")
	do(t, os.Remove(file), write(file, "6"))
	noticed("6 600")
}

// TestFollowNames: a file is followed under whatever name of it is given, as a person types it.
func TestFollowNames(t *testing.T) {
	top := t.TempDir()
	t.Chdir(top)
	do(t, os.Mkdir("sub", 0o700))
	for i, file := range []string{"a.toml", filepath.FromSlash("sub/b.toml"), top + "//sub/c.toml", top + "/sub/../d.toml", filepath.ToSlash(top) + "/e.toml"} {
		noticed := following(t, file)
		text := fmt.Sprint(i + 1)
		do(t, write(file+".new", text), rename(file+".new", file))
		noticed(text + " 600")
	}
}

// TestFollowOthers: what happens beside the file notifies of nothing.
func TestFollowOthers(t *testing.T) {
	top := t.TempDir()
	file := filepath.Join(top, "policy.toml")
	changes := make(chan struct{}, 100)
	go func() { _ = Follow(t.Context(), []string{file}, func() { changes <- struct{}{} }) }()
	<-changes
	do(t, write(filepath.Join(top, "other"), "1"), os.Chmod(filepath.Join(top, "other"), 0o666), os.Mkdir(filepath.Join(top, "folder"), 0o700), write(filepath.Join(top, "new"), "2"), os.Rename(filepath.Join(top, "new"), file))
	<-changes // of the file: what came before it was seen
	do(t, write(filepath.Join(top, "other"), "2"), write(filepath.Join(top, "third"), "2"), os.Rename(file, filepath.Join(top, "fourth")))
	<-changes
	if n := len(changes); n != 0 {
		t.Errorf("%d changes more than one", n)
	}
}
