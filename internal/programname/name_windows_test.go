package programname

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tc-hib/winres"
	"github.com/tc-hib/winres/version"

	"github.com/cpx-bridge/cpx-bridge/internal/owners"
)

// described is a program with a version resource, in a folder of the person's own.
func described(t *testing.T, describe func(*version.Info)) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	info := version.Info{}
	describe(&info)
	set := &winres.ResourceSet{}
	set.SetVersionInfo(info)
	dir, err := os.MkdirTemp("", "") // wine still has the program mapped when the test ends
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "navigateur é.exe")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(set.WriteToEXE(out, program), out.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

const english1033, german1031 = 0x409, 0x407

func set(t *testing.T, info *version.Info, lang uint16, key, text string) {
	t.Helper()
	if err := info.Set(lang, key, text); err != nil {
		t.Fatal(err)
	}
}

// TestVersionResource: a program is named by its version resource.
func TestVersionResource(t *testing.T) {
	for what, c := range map[string]struct {
		describe        func(*version.Info)
		french, english string
	}{
		"one language": {func(i *version.Info) { set(t, i, english1033, version.FileDescription, "Firefox") }, "Firefox", "Firefox"},
		"another":      {func(i *version.Info) { set(t, i, german1031, version.FileDescription, "Fuchs") }, "Fuchs", "Fuchs"},
		"product":      {func(i *version.Info) { set(t, i, english1033, version.ProductName, "Chromium") }, "Chromium", "Chromium"},
		"none":         {func(i *version.Info) { set(t, i, english1033, version.InternalName, "x") }, "", ""},
		"hostile":      {func(i *version.Info) { set(t, i, english1033, version.FileDescription, "Fire\u202exof\r\n") }, "Fire\uFFFDxof", "Fire\uFFFDxof"},
	} {
		if n := ofVersion(described(t, c.describe)); n != (names{french: c.french, english: c.english}) {
			t.Errorf("%s: %+v", what, n)
		}
	}
	if n := ofVersion(filepath.Join(os.TempDir(), "missing.exe")); n != (names{}) {
		t.Errorf("a file that is not there: %+v", n)
	}
}

// TestPersonsProgram: what a person may write has no name, whatever its resource says.
func TestPersonsProgram(t *testing.T) {
	path := described(t, func(i *version.Info) { set(t, i, english1033, version.FileDescription, "Firefox") })
	if owners.Check(path, owners.Root) == nil {
		t.Fatal("this folder passes for the machine's: the test shows nothing")
	}
	list := Of(t.Context(), []File{{Path: path}})
	if list.Named() || list.Text("fr") != path {
		t.Errorf("it is called %q", list.Text("fr"))
	}
}

// TestMachinesProgram: one of the machine's has the name of its resource, and where it has
// none, its path. Which files are the machine's is played: in wine all are the person's.
func TestMachinesProgram(t *testing.T) {
	real := machines
	machines = func(string) bool { return true }
	defer func() { machines = real }()
	path := described(t, func(i *version.Info) { set(t, i, english1033, version.FileDescription, "Mozilla Firefox") })
	if list := Of(t.Context(), []File{{Path: path}}); list.Text("fr") != "Mozilla Firefox" || list.Log() != "Mozilla Firefox ("+path+")" {
		t.Errorf("%q", list.Log())
	}
	path = described(t, func(i *version.Info) { set(t, i, english1033, version.InternalName, "x") })
	if list := Of(t.Context(), []File{{Path: path}}); list.Named() || list.Text("fr") != path {
		t.Errorf("without a name: %q", list.Text("fr"))
	}
}
