package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"

	"github.com/tc-hib/winres"
	"github.com/tc-hib/winres/version"

	"github.com/cpx-bridge/cpx-bridge/tray"
)

// name is the product, as the Task Manager and the list of what starts at a login show it.
const name = "CPx Bridge"

// manifest tells Windows how the program wants to be run.
//
// It asks for no rights beyond the person's. It scales its own windows for each display,
// has the controls' present look, and takes paths of any length. The system's code page
// stays the process's own: vendors' modules, which are loaded into it, were made and
// tested with that one, and not with UTF-8.
var manifest = winres.AppManifest{
	Description:         name,
	Compatibility:       winres.Win10AndAbove, // as Go's runtime
	ExecutionLevel:      winres.AsInvoker,
	DPIAwareness:        winres.DPIPerMonitorV2,
	UseCommonControlsV6: true,
	LongPathAware:       true,
}

// resources are those of the program of that file name.
func resources(file, built string) (*winres.ResourceSet, error) {
	set := &winres.ResourceSet{}
	icon, err := winres.LoadICO(bytes.NewReader(tray.ProgramIcon()))
	if err != nil {
		return nil, err
	}
	// Windows shows the first icon of a program, by name and then by number.
	if err := set.SetIcon(winres.ID(1), icon); err != nil {
		return nil, err
	}
	set.SetManifest(manifest)
	info, err := versionInfo(file, built)
	if err != nil {
		return nil, err
	}
	set.SetVersionInfo(info)
	return set, nil
}

func versionInfo(file, built string) (version.Info, error) {
	numbers := numbers(built)
	info := version.Info{FileVersion: numbers, ProductVersion: numbers}
	for key, text := range map[string]string{
		version.ProductName:      name,
		version.FileDescription:  name,
		version.FileVersion:      fmt.Sprintf("%d.%d.%d.%d", numbers[0], numbers[1], numbers[2], numbers[3]),
		version.ProductVersion:   built,
		version.InternalName:     "cpx-agent",
		version.OriginalFilename: file,
		version.LegalCopyright:   "Apache License 2.0",
	} {
		if err := info.Set(version.LangDefault, key, text); err != nil {
			return info, err
		}
	}
	return info, nil
}

// released is the version of a release (scripts/version): what comes before one has a
// pre-release behind its numbers, by Semantic Versioning.
var released = regexp.MustCompile(`^(\d+)\.(\d+)\.(\d+)(?:\+[0-9A-Za-z.-]+)?$`)

// numbers are the four numbers by which Windows, and what distributes programs, tell an
// older file from a newer one. What is no release has 0.0.0.0, so that every release
// replaces it: their form has no way to say "before 1.2.3".
func numbers(built string) (four [4]uint16) {
	match := released.FindStringSubmatch(built)
	if match == nil {
		return four
	}
	for i, digits := range match[1:] {
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil {
			return [4]uint16{}
		}
		four[i] = uint16(n)
	}
	return four
}
