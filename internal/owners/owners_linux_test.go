package owners

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cpx-bridge/cpx-bridge/internal/texts"
)

// A chain of root's is tested as it is on this machine.
func TestRootsOwn(t *testing.T) {
	for _, path := range []string{"/", "/etc", "/etc/passwd", "/bin/sh", "/etc/../etc//./passwd", "/usr/bin/env"} {
		if err := errors.Join(Check(path, Root), CheckProgram(path, Person)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for path, want := range map[string]error{"/nowhere/at/all": fs.ErrNotExist, "/etc/passwd/x": syscall.ENOTDIR, "etc/passwd": syscall.EINVAL} {
		if err := Check(path, Root); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}

// guarded is a folder that only this person may write, with a file in it.
func guarded(t *testing.T) (folder, file string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "place")
	file = filepath.Join(folder, "file")
	if err := errors.Join(os.Mkdir(folder, 0o755), os.WriteFile(file, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	allow(t, filepath.Dir(folder), 0o755)
	allow(t, filepath.Dir(filepath.Dir(folder)), 0o755)
	allow(t, folder, 0o755)
	allow(t, file, 0o644)
	return folder, file
}

func allow(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("what belongs to others can be made by root alone")
	}
}

func chown(t *testing.T, path string, uid int) {
	t.Helper()
	if err := os.Lchown(path, uid, uid); err != nil {
		t.Fatal(err)
	}
}

// faults are what is wrong with the path, as kind and the end of its name.
func faults(t *testing.T, path string, trust Trust) []string {
	t.Helper()
	var e *Error
	err := Check(path, trust)
	if err != nil && !errors.As(err, &e) {
		t.Fatal(err)
	}
	if e == nil {
		return nil
	}
	var list []string
	for _, f := range e.Faults {
		list = append(list, []string{"owner", "unknown", "group", "all"}[f.Kind]+" "+filepath.Base(f.Path))
	}
	return list
}

func want(t *testing.T, path string, trust Trust, want ...string) {
	t.Helper()
	if got := faults(t, path, trust); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestModes(t *testing.T) {
	folder, file := guarded(t)
	want(t, file, Person)
	for mode, kind := range map[fs.FileMode]string{0o664: "group", 0o620: "group", 0o646: "all", 0o602: "all", 0o666: "all"} {
		allow(t, file, mode)
		want(t, file, Person, kind+" file")
		allow(t, file, 0o644)
		allow(t, folder, mode|0o700)
		want(t, file, Person, kind+" place")
		allow(t, folder, 0o755)
	}
	for _, mode := range []fs.FileMode{0o600, 0o444, 0o755, 0o000} {
		allow(t, file, mode)
		want(t, file, Person)
	}
	allow(t, file, 0o666)
	allow(t, folder, 0o775)
	want(t, file, Person, "group place", "all file")
}

// A sticky folder counts only where it is root's, and for what is root's in it.
func TestSticky(t *testing.T) {
	needsRoot(t)
	folder, file := guarded(t)
	allow(t, folder, 0o777|fs.ModeSticky)
	want(t, file, Root)
	allow(t, folder, 0o775|fs.ModeSticky)
	want(t, file, Root)
	chown(t, file, 4242)
	want(t, file, Root, "owner file")
	chown(t, file, 0)
	chown(t, folder, 4242)
	want(t, file, Root, "owner place")
	chown(t, folder, 0)
	allow(t, file, 0o666|fs.ModeSticky) // a file's sticky bit means nothing
	want(t, file, Root, "all file")
}

func TestOwnersOnTheWay(t *testing.T) {
	needsRoot(t)
	folder, file := guarded(t)
	chown(t, folder, 4242)
	want(t, file, Root, "owner place")
	want(t, file, Person, "owner place") // the person is root here
	chown(t, file, 4243)
	want(t, file, Root, "owner place", "owner file")
	chown(t, folder, 0)
	chown(t, file, int(nobody()))
	want(t, file, Root, "unknown file")
}

// The folder of each link counts, and what each leads to.
func TestLinks(t *testing.T) {
	folder, file := guarded(t)
	elsewhere, _ := guarded(t)
	link := func(name, target string) string {
		t.Helper()
		path := filepath.Join(elsewhere, name)
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	absolute := link("absolute", file)
	twice := link("twice", "absolute")
	above := link("above", folder)
	relative := link("relative", "../"+filepath.Base(elsewhere)+"/absolute")
	loop := link("loop", "loop")
	if err := Check(loop, Person); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("%v", err)
	}
	all := []string{absolute, twice, relative, filepath.Join(above, "file"), above + "/../" + filepath.Base(folder) + "/file"}
	for _, path := range all {
		want(t, path, Person)
	}
	allow(t, file, 0o664)
	for _, path := range all {
		want(t, path, Person, "group file")
	}
	allow(t, file, 0o644)
	allow(t, folder, 0o757)
	for _, path := range all {
		want(t, path, Person, "all place")
	}
	allow(t, folder, 0o755)
	allow(t, elsewhere, 0o757) // the links' own folder
	for _, path := range all {
		want(t, path, Person, "all place")
	}
	allow(t, elsewhere, 0o755)
	if os.Getuid() == 0 {
		chown(t, absolute, 4242)
		want(t, twice, Root, "owner absolute")
	}
}

// Of a script the interpreter runs.
func TestScripts(t *testing.T) {
	folder, file := guarded(t)
	shell := filepath.Join(folder, "shell")
	for path, text := range map[string]string{shell: "#!/bin/sh\n", file: "#! " + shell + " -x\n"} {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		allow(t, path, 0o755)
	}
	if err := CheckProgram(file, Person); err != nil {
		t.Error(err)
	}
	allow(t, shell, 0o775)
	var e *Error
	if err := CheckProgram(file, Person); !errors.As(err, &e) || e.Path != shell {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(shell, []byte("#!"+shell), 0o755); err != nil {
		t.Fatal(err)
	}
	allow(t, shell, 0o755)
	if err := CheckProgram(file, Person); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("%v", err)
	}
}

// An access list of POSIX shows in the group's rights.
func TestAccessLists(t *testing.T) {
	_, file := guarded(t)
	// One entry more: user 4242 may write; the mask is rw-.
	list := []byte{2, 0, 0, 0,
		1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 6, 0, 0x92, 0x10, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255,
		16, 0, 6, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255}
	if err := unix.Setxattr(file, "system.posix_acl_access", list, 0); err != nil {
		t.Skip("this file system has no access lists: ", err)
	}
	want(t, file, Person, "group file")
}

// What is said leads on: after the advice, nothing is wrong any more.
func TestAdviceCures(t *testing.T) {
	needsRoot(t)
	for name, spoil := range map[string]func(folder, file string){
		"file for all":   func(_, file string) { allow(t, file, 0o666) },
		"folder, group":  func(folder, _ string) { allow(t, folder, 0o775) },
		"another's file": func(_, file string) { chown(t, file, 4242); allow(t, file, 0o664) },
		"both, and more": func(folder, file string) {
			chown(t, file, 4242)
			allow(t, folder, 0o777)
			allow(t, filepath.Dir(folder), 0o775)
		},
		"another's folder": func(folder, _ string) { chown(t, folder, 4242) },
		"a name that a shell splits": func(folder, file string) {
			odd := filepath.Join(folder, "a 'b' $c")
			if err := errors.Join(os.Rename(file, odd), os.Symlink(odd, file)); err != nil {
				t.Fatal(err)
			}
			allow(t, odd, 0o666)
			chown(t, file, 4242)
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder, file := guarded(t)
			spoil(folder, file)
			var e *Error
			if err := Check(file, Root); !errors.As(err, &e) {
				t.Fatalf("%v", err)
			}
			e.Fixed = true
			for _, lang := range []string{"fr", "en"} {
				_, command, found := strings.Cut(e.Next(texts.In(lang)), " : ")
				if lang == "en" {
					_, command, found = strings.Cut(e.Next(texts.In(lang)), ": ")
				}
				if !found {
					t.Fatalf("no command in %q", e.Next(texts.In(lang)))
				}
				if lang == "fr" {
					continue // the same commands, run once
				}
				if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
					t.Fatalf("%s: %v: %s", command, err, out)
				}
			}
			if err := Check(file, Root); err != nil {
				t.Errorf("after %q: %v", e.Next(texts.In("en")), err)
			}
		})
	}
}

// No advice takes a home from its owner, nor asks a person for what they cannot do.
func TestAdvice(t *testing.T) {
	for lang, parts := range map[string][3]string{"fr": {"dossier qui appartient à root", "copie à vous", "hors du conteneur"}, "en": {"folder that belongs to root", "copy of your own", "outside of the container"}} {
		for i, e := range []*Error{
			{Path: "/home/x/m.so", Trust: Root, Faults: []Fault{{Path: "/home/x", Kind: Owner, Folder: true, UID: 1000, Mode: 0o755}}},
			{Path: "/home/x/m.so", Trust: Person, Faults: []Fault{{Path: "/home/x/m.so", Kind: Owner, UID: 1000, Mode: 0o755}}},
			{Path: "/etc/m.so", Trust: Root, Faults: []Fault{{Path: "/", Kind: Unknown, Folder: true, UID: 65534, Mode: 0o755}}},
		} {
			if next := e.Next(texts.In(lang)); !strings.Contains(next, parts[i]) {
				t.Errorf("%s: %q", lang, next)
			}
		}
	}
}
