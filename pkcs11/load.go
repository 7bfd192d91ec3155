package pkcs11

import (
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/cpx-bridge/cpx-bridge/internal/lazyregexp"
)

// loadKinds are why a module could not be loaded, as its process says it.
var loadKinds = map[string]error{
	"no_module": ErrNoModule, "not_pkcs11": ErrNotPKCS11, "missing_dependency": ErrMissingDependency,
	"wrong_architecture": ErrWrongArchitecture, "not_loadable": ErrNotLoadable, "module_failed": ErrModuleFailed,
}

// loadFailure is the answer to a module that could not be opened.
func loadFailure(err error) reply {
	var e *Error
	if !errors.As(err, &e) {
		return failure(err)
	}
	if e.CKR != 0 {
		return reply{CKR: e.CKR, Op: e.Op}
	}
	for name, kind := range loadKinds {
		if e.Kind == kind {
			return reply{Kind: name, Failure: e.Op}
		}
	}
	return failure(err)
}

func notLoaded(path string, kind error, why string) error {
	return &Error{Op: "load: " + why, Path: path, Kind: kind}
}

// checkFile recognises what is no module by its name and kind, without opening it.
func checkFile(path string) error {
	if !filepath.IsAbs(path) {
		return &Error{Op: "the path of a module must be absolute", Path: path, Kind: ErrNotPKCS11}
	}
	if what := noFileName(path); what != "" {
		return &Error{Op: "open: " + what + ", not a file", Path: path, Kind: ErrNotPKCS11}
	}
	file, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return notLoaded(path, ErrNoModule, systemsWord(err))
	case err != nil: // a folder on the way that may not be entered, a medium that fails
		return notLoaded(path, ErrNotLoadable, systemsWord(err))
	case !file.Mode().IsRegular():
		return &Error{Op: "open: not a file", Path: path, Kind: ErrNotPKCS11}
	}
	return nil
}

// systemsWord is the system's word alone, because Error names the path.
func systemsWord(err error) string {
	var e *os.PathError
	if errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

// examine says what the file is for, by its header, before the system's loader sees
// it, which runs code of it and tells one refusal from another in words alone.
func examine(path string) error { return examineFor(path, runtime.GOOS, runtime.GOARCH) }

// examineFor is examine for a program of that system and architecture.
func examineFor(path, system, architecture string) error {
	f, err := os.Open(path)
	if err != nil {
		return notLoaded(path, ErrNotLoadable, systemsWord(err))
	}
	defer f.Close()
	head := make([]byte, 20)
	n, err := io.ReadFull(f, head)
	if n == 0 {
		if err != nil && !errors.Is(err, io.EOF) {
			return notLoaded(path, ErrNotLoadable, systemsWord(err))
		}
		return notLoaded(path, ErrNotLoadable, "the file is empty")
	}
	ours := system + "/" + architecture
	kind, machines := format(f, head[:n])
	switch {
	case kind == "":
		return notLoaded(path, ErrNotPKCS11, "the file is no library")
	case kind != formats[system] && formats[system] != "":
		return notLoaded(path, ErrWrongArchitecture, "the file is for another system ("+kind+"), and this program is "+ours)
	}
	switch {
	case len(machines) > 0 && !slices.Contains(machines, architecture):
		return notLoaded(path, ErrWrongArchitecture, "the file is for "+strings.Join(machines, ", ")+", and this program is "+ours)
	case cutShort(f):
		return notLoaded(path, ErrNotLoadable, "the file is cut short")
	}
	return nil // the loader says what else is wrong
}

// formats are the libraries of each system.
var formats = map[string]string{"linux": "ELF", "freebsd": "ELF", "windows": "PE", "darwin": "Mach-O"}

// format is the format of a library, "" for none, and for which machines it is, by
// the names of Go; none where its header is damaged or says nothing.
func format(f io.ReaderAt, head []byte) (kind string, machines []string) {
	switch magic := string(head[:min(4, len(head))]); {
	case magic == elf.ELFMAG:
		return "ELF", elfMachine(head)
	case strings.HasPrefix(magic, "MZ"):
		file, err := pe.NewFile(f)
		if err != nil {
			return "PE", nil
		}
		return "PE", []string{named(peMachines[file.Machine], "another machine")}
	case magic == "\xcf\xfa\xed\xfe", magic == "\xce\xfa\xed\xfe":
		file, err := macho.NewFile(f)
		if err != nil {
			return "Mach-O", nil
		}
		return "Mach-O", []string{named(machoMachines[file.Cpu], "another machine")}
	case magic == "\xca\xfe\xba\xbe": // also a Java class, which has no machines
		file, err := macho.NewFatFile(f)
		if err != nil {
			return "Mach-O", nil
		}
		for _, part := range file.Arches {
			machines = append(machines, named(machoMachines[part.Cpu], "another machine"))
		}
		return "Mach-O", machines
	}
	return "", nil
}

// elfMachine reads the header alone: debug/elf wants sections, which a library need
// not have.
func elfMachine(head []byte) []string {
	if len(head) < 20 {
		return nil
	}
	machine := elf.Machine(uint16(head[18]) | uint16(head[19])<<8)
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		machine = elf.Machine(uint16(head[18])<<8 | uint16(head[19]))
	}
	name := named(elfMachines[machine], machine.String())
	if machine == elf.EM_X86_64 && elf.Class(head[elf.EI_CLASS]) == elf.ELFCLASS32 {
		name = "x32"
	}
	return []string{name}
}

// cutShort reports an ELF library whose end is missing, as an installation on a full
// disk leaves it: the loader maps it and dies of it.
func cutShort(f *os.File) bool {
	var head elf.Header64
	file, err := f.Stat()
	in := io.NewSectionReader(f, 0, 1<<62)
	if err != nil || binary.Read(in, binary.LittleEndian, &head) != nil || string(head.Ident[:5]) != elf.ELFMAG+string(rune(elf.ELFCLASS64)) {
		return false
	}
	for i := range int64(head.Phnum) {
		var part elf.Prog64
		at := io.NewSectionReader(f, int64(head.Phoff)+i*int64(head.Phentsize), 1<<32)
		if binary.Read(at, binary.LittleEndian, &part) != nil {
			return true
		}
		if elf.ProgType(part.Type) == elf.PT_LOAD && part.Filesz > 0 && (part.Off > uint64(file.Size()) || part.Filesz > uint64(file.Size())-part.Off) {
			return true
		}
	}
	return false
}

func named(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}

// The machines that cards are used on, by the names of Go.
var (
	elfMachines = map[elf.Machine]string{
		elf.EM_386: "386", elf.EM_X86_64: "amd64", elf.EM_ARM: "arm", elf.EM_AARCH64: "arm64", elf.EM_RISCV: "riscv64",
	}
	peMachines = map[uint16]string{
		pe.IMAGE_FILE_MACHINE_I386: "386", pe.IMAGE_FILE_MACHINE_AMD64: "amd64", pe.IMAGE_FILE_MACHINE_ARMNT: "arm", pe.IMAGE_FILE_MACHINE_ARM64: "arm64",
	}
	machoMachines = map[macho.Cpu]string{macho.Cpu386: "386", macho.CpuAmd64: "amd64", macho.CpuArm: "arm", macho.CpuArm64: "arm64"}
)

// What the loaders of Unix say of a library that another one needs and they do not
// find: glibc's, musl's and macOS's.
var missingLibrary = []*lazyregexp.Regexp{
	lazyregexp.New(`^(.+?): cannot open shared object file: No such file or directory`),
	lazyregexp.New(`^Error loading shared library (.+?): No such file or directory \(needed by`),
	lazyregexp.New(`Library not loaded: (\S+)`),
}

// loaderKind is what a loader's refusal means. It has no words for it but these.
func loaderKind(path, said string) error {
	for _, pattern := range missingLibrary {
		if m := pattern.FindStringSubmatch(said); m != nil && m[1] != path {
			return ErrMissingDependency
		}
	}
	switch {
	case strings.Contains(said, "cannot dynamically load"), strings.Contains(said, "only ET_DYN"):
		return ErrNotPKCS11 // a program, an object file
	case strings.Contains(said, "wrong ELF class"), strings.Contains(said, "incompatible architecture"):
		return ErrWrongArchitecture
	}
	return ErrNotLoadable
}
