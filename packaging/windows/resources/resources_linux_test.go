package main

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"errors"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/tc-hib/winres"
	"github.com/tc-hib/winres/version"

	"github.com/cpx-bridge/cpx-bridge/tray"
)

const root = "../../.."

// TestObjects: what the go command links is what this program makes.
func TestObjects(t *testing.T) {
	for _, arch := range architectures {
		file := filepath.Join(root, folder, objectName(arch))
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if made, err := object(arch); err != nil || !bytes.Equal(text, made) {
			t.Errorf("%s is not what is made now (%v): go run ./packaging/windows/resources", file, err)
		}
	}
}

// Windows compares versions as four numbers of 16 bits.
func TestNumbers(t *testing.T) {
	for built, want := range map[string][4]uint16{
		"1.2.3": {1, 2, 3, 0}, "1.2.3+4": {1, 2, 3, 0}, "10.20.65535": {10, 20, 65535, 0}, "1.2.65536": {},
		"1.2.3-rc.1": {}, "1.2.3-dev+cc5b7d4": {}, "1.2.3-dev": {}, "dev": {}, "": {}, "1.2": {},
	} {
		if got := numbers(built); got != want {
			t.Errorf("%q: %v, want %v", built, got, want)
		}
	}
}

// The subsystems of a header, as Windows numbers them.
const (
	graphical = 2 // without a console
	console   = 3
)

// TestPrograms reads what make windows builds, as Windows will.
func TestPrograms(t *testing.T) {
	architectures := map[string]uint16{"amd64": pe.IMAGE_FILE_MACHINE_AMD64, "386": pe.IMAGE_FILE_MACHINE_I386}
	if testing.Short() { // scripts/check builds the other
		delete(architectures, "386")
	}
	for arch, machine := range architectures {
		out := t.TempDir()
		cmd := exec.CommandContext(t.Context(), filepath.Join(root, "scripts", "windows"), out, arch)
		cmd.Env = append(os.Environ(), "CPX_VERSION=1.2.3")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("scripts/windows: %v\n%s", err, text)
		}
		if arch == "386" {
			out = filepath.Join(out, arch)
		}
		for name, subsystem := range map[string]uint16{"cpx-agent.exe": console, "cpx-agentw.exe": graphical} {
			t.Run(arch+" "+name, func(t *testing.T) { checkProgram(t, filepath.Join(out, name), machine, subsystem) })
		}
		if !testing.Short() {
			runs(t, out, arch)
		}
		if arch == "amd64" {
			refusesSigned(t, filepath.Join(out, "cpx-agent.exe"))
		}
	}
}

func checkProgram(t *testing.T, path string, machine, subsystem uint16) {
	t.Helper()
	file, err := pe.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got := subsystemOf(file); file.Machine != machine || got != subsystem {
		t.Errorf("machine %#x, subsystem %d, want %#x and %d", file.Machine, got, machine, subsystem)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	set, err := winres.LoadFromEXE(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	checkVersion(t, set, filepath.Base(path))
	checkManifest(t, set)
	checkIcon(t, set)
}

func subsystemOf(file *pe.File) uint16 {
	switch header := file.OptionalHeader.(type) {
	case *pe.OptionalHeader64:
		return header.Subsystem
	case *pe.OptionalHeader32:
		return header.Subsystem
	}
	return 0
}

func checkVersion(t *testing.T, set *winres.ResourceSet, name string) {
	t.Helper()
	info, err := version.FromBytes(set.Get(winres.RT_VERSION, winres.ID(1), winres.LCIDDefault))
	if err != nil {
		t.Fatal(err)
	}
	if want := [4]uint16{1, 2, 3, 0}; info.FileVersion != want || info.ProductVersion != want {
		t.Errorf("versions %v and %v, want %v", info.FileVersion, info.ProductVersion, want)
	}
	texts, err := info.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"ProductVersion":"1.2.3"`, `"FileVersion":"1.2.3.0"`, `"OriginalFilename":"` + name + `"`, `"FileDescription":"CPx Bridge"`} {
		if !bytes.Contains(texts, []byte(want)) {
			t.Errorf("no %s in %s", want, texts)
		}
	}
}

func checkManifest(t *testing.T, set *winres.ResourceSet) {
	t.Helper()
	text := set.Get(winres.RT_MANIFEST, winres.ID(1), winres.LCIDDefault)
	got, err := winres.AppManifestFromXML(text)
	if err != nil || got != manifest {
		t.Errorf("%+v, %v, want %+v", got, err, manifest)
	}
	for _, want := range []string{`level="asInvoker" uiAccess="false"`, "permonitorv2", "Microsoft.Windows.Common-Controls", `version="6.0.0.0"`, "<longPathAware", "{8e0f7a12-bfb3-4fe8-b9a5-48fd50a15a9a}"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if bytes.Contains(text, []byte("activeCodePage")) {
		t.Error("the process has another code page than the system, which modules were not made for")
	}
}

// The first icon is the one that Windows shows, in the sizes of lists and desktops.
func checkIcon(t *testing.T, set *winres.ResourceSet) {
	t.Helper()
	icon, err := set.GetIcon(winres.ID(1))
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := icon.SaveICO(&file); err != nil {
		t.Fatal(err)
	}
	var got []int
	for rest := file.Bytes(); ; {
		at := bytes.Index(rest, []byte("\x89PNG"))
		if at < 0 {
			break
		}
		picture, err := png.DecodeConfig(bytes.NewReader(rest[at:]))
		if err != nil {
			t.Fatal(err)
		}
		got, rest = append(got, picture.Width), rest[at+4:]
	}
	slices.Sort(got)
	if want := []int{16, 20, 24, 32, 40, 48, 64, 96, 128, 256}; !slices.Equal(got, want) || len(tray.ProgramIcon()) < 1000 {
		t.Errorf("sizes %v, want %v", got, want)
	}
}

// refusesSigned: a program whose header names a signature stays as it is.
func refusesSigned(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header := int(binary.LittleEndian.Uint32(text[0x3c:])) + 4 + binary.Size(pe.FileHeader{})
	directory := header + int(unsafe.Offsetof(pe.OptionalHeader64{}.DataDirectory)) + pe.IMAGE_DIRECTORY_ENTRY_SECURITY*binary.Size(pe.DataDirectory{})
	binary.LittleEndian.PutUint32(text[directory:], uint32(len(text)))
	binary.LittleEndian.PutUint32(text[directory+4:], 8)
	signed := filepath.Join(t.TempDir(), "signed.exe")
	if err := os.WriteFile(signed, append(text, make([]byte, 8)...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run("9.9.9", []string{signed}); !errors.Is(err, winres.ErrSignedPE) {
		t.Errorf("signed: %v", err)
	}
}

// TestStampRefuses: what is no program is refused by name, and not changed.
func TestStampRefuses(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.exe")
	if err := os.WriteFile(text, []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, filepath.Join(t.TempDir(), "missing.exe")} {
		if err := run("1.0.0", []string{path}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if after, err := os.ReadFile(text); err != nil || string(after) != "no program" {
		t.Errorf("%q, %v", after, err)
	}
}
