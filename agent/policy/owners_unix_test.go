//go:build unix

package policy

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/owners"
)

// mode sets a file's or folder's rights, whatever the umask.
func mode(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// A policy that others than its administrator may write is none: the agent does not
// start, and the message names what is wrong and the way out.
func TestPolicyThatOthersWrite(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a policy of root's can be made by root alone")
	}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, folder, file string)
		says  []string // of a message, in French
	}{
		"good": {func(*testing.T, string, string) {}, nil},
		"for all": {func(t *testing.T, _, file string) { mode(t, file, 0o666) },
			[]string{"policy.toml", "tout le monde", "666", "chmod go-w"}},
		"for a group": {func(t *testing.T, _, file string) { mode(t, file, 0o664) },
			[]string{"policy.toml", "groupe", "664", "chmod go-w"}},
		"folder for all": {func(t *testing.T, folder, _ string) { mode(t, folder, 0o777) },
			[]string{"/policy ", "tout le monde", "777", "chmod go-w"}},
		"folder above for a group": {func(t *testing.T, folder, _ string) { mode(t, filepath.Dir(folder), 0o775) },
			[]string{"groupe", "775", "chmod go-w"}},
		"another's": {func(t *testing.T, _, file string) {
			if err := os.Chown(file, 4242, 4242); err != nil {
				t.Fatal(err)
			}
		}, []string{"policy.toml", "4242", "chown root:root"}},
		"a link to another's": {func(t *testing.T, folder, file string) {
			other := filepath.Join(t.TempDir(), "other.toml")
			if err := errors.Join(os.Rename(file, other), os.Chown(other, 4242, 4242), os.Symlink(other, file)); err != nil {
				t.Fatal(err)
			}
		}, []string{"other.toml", "4242", "chown root:root"}},
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "policy")
			file := filepath.Join(folder, "policy.toml")
			if err := errors.Join(os.Mkdir(folder, 0o755), os.WriteFile(file, []byte("[origins]\nmode = \"ask\"\n"), 0o644)); err != nil {
				t.Fatal(err)
			}
			mode(t, folder, 0o755)
			mode(t, file, 0o644)
			c.spoil(t, folder, file)
			p, err := Load(Paths{Machine: file})
			if c.says == nil {
				if err != nil || !p.Managed() {
					t.Fatalf("a good policy: %v", err)
				}
				return
			}
			var bad *SettingsError
			if !errors.As(err, &bad) || bad.File != file {
				t.Fatalf("%v, want a SettingsError of %s", err, file)
			}
			for _, part := range c.says {
				if !strings.Contains(bad.In("fr"), part) {
					t.Errorf("%q is missing: %s", part, bad.In("fr"))
				}
			}
			if strings.Contains(bad.In("en"), "tout le monde") || bad.In("en") == bad.In("fr") {
				t.Error(bad.In("en"))
			}
		})
	}
}

// TestMissingModule: a module that is missing where others may put one is said to be
// missing; the one that they put there is refused as theirs.
func TestMissingModule(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a policy of root's can be made by root alone")
	}
	folder, etc := filepath.Join(t.TempDir(), "open"), filepath.Join(t.TempDir(), "policy")
	file, module := filepath.Join(etc, "policy.toml"), filepath.Join(folder, "module.so")
	if err := errors.Join(os.Mkdir(folder, 0o755), os.Mkdir(etc, 0o755), os.WriteFile(file, []byte("modules = [\""+module+"\"]\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	mode(t, folder, 0o777)
	mode(t, etc, 0o755)
	mode(t, file, 0o644)
	p, err := Load(Paths{Machine: file})
	if err != nil {
		t.Fatal(err)
	}
	refuse := p.Refuse("modules", slog.New(slog.DiscardHandler))
	if err := refuse(module); !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "may be written") {
		t.Errorf("missing: %v", err)
	}
	if err := os.WriteFile(module, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := refuse(module); err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "may be written by everyone") {
		t.Errorf("there: %v", err)
	}
}

// TestRereadOwner: a policy that others may write is refused, also where its text is the one that
// was good.
func TestRereadOwner(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.toml")
	if err := os.WriteFile(file, []byte("lang = \"fr\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var r rereader
	p := Paths{Machine: file, Owners: owners.Person}
	if s, err := p.rereadMachine(&r); s == nil || err != nil {
		t.Fatal(s, err)
	}
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := p.rereadMachine(&r); err == nil {
		t.Error("a policy that others may write is good")
	}
}
