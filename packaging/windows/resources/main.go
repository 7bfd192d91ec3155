// Command resources makes what Windows shows and reads of a program beside its code:
// icon, version and manifest.
//
//	go run ./packaging/windows/resources                     writes cmd/cpx-agent/*.syso
//	go run ./packaging/windows/resources -version V A.exe…   writes the version into programs
//
// The go command links a .syso into every build of the folder for its system, so that
// no build lacks icon and manifest. What changes with each build, version and file name,
// is written into the programs afterwards, before they are signed.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tc-hib/winres"
)

// folder is the program's, from the repository's root.
const folder = "cmd/cpx-agent"

// architectures are those that the Windows programs are built for.
var architectures = []winres.Arch{winres.ArchAMD64, winres.ArchI386}

func main() {
	log.SetFlags(0)
	version := flag.String("version", "", "the version to write into the programs named")
	flag.Parse()
	if err := run(*version, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func run(version string, programs []string) error {
	if len(programs) == 0 {
		return writeObjects(folder)
	}
	for _, program := range programs {
		if err := stamp(program, version); err != nil {
			return fmt.Errorf("%s: %w", program, err)
		}
	}
	return nil
}

// objectName is the file that the go command links for that architecture alone.
func objectName(arch winres.Arch) string { return "rsrc_windows_" + string(arch) + ".syso" }

func writeObjects(dir string) error {
	for _, arch := range architectures {
		object, err := object(arch)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, objectName(arch)), object, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// object is the same bytes each time: a test compares them with the file.
func object(arch winres.Arch) ([]byte, error) {
	set, err := resources("cpx-agent.exe", "dev")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = set.WriteObject(&out, arch)
	return out.Bytes(), err
}

// stamp replaces a program's resources by those of that version. It refuses a program
// that is signed: the signature would be wrong.
func stamp(program, version string) error {
	text, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	set, err := resources(filepath.Base(program), version)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := set.WriteToEXE(&out, bytes.NewReader(text), winres.ForceCheckSum()); err != nil {
		return err
	}
	return os.WriteFile(program, out.Bytes(), 0o755)
}
