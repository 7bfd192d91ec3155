// Command msi makes the Windows packages from the programs of scripts/windows, with wixl
// and msibuild: one for each architecture.
//
//	go run ./packaging/windows/msi -version V -programs FOLDER -out FOLDER
//
// The same programs, version and SOURCE_DATE_EPOCH give the same bytes. Whatever wixl or
// msibuild say is an error: wixl drops what it does not know with a warning and status 0.
package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cpx-bridge/cpx-bridge/tray"
)

//go:embed cpx-bridge.wxs
var source string

// arch is an architecture as each of the tools calls it.
type arch struct {
	name     string // of the file
	wixl     string
	template string // of the summary information (PID_TEMPLATE)
	programs string // folder below that of the programs
	files    string // Windows' own folder for programs
}

var architectures = []arch{
	{"x64", "x64", "x64;1033", "", "ProgramFiles64Folder"},
	{"x86", "x86", "Intel;1033", "386", "ProgramFilesFolder"},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("msi: ")
	version := flag.String("version", "", "the version, by Semantic Versioning")
	programs := flag.String("programs", "build/windows", "where scripts/windows has put the programs")
	out := flag.String("out", "", "the folder for the packages")
	flag.Parse()
	for _, a := range architectures {
		if err := build(a, *version, filepath.Join(*programs, a.programs), *out); err != nil {
			log.Fatalf("%s: %v", a.name, err)
		}
	}
}

// build makes one package.
func build(a arch, version, programs, out string) error {
	number, err := productVersion(version)
	if err != nil {
		return err
	}
	when, err := sourceDate()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "msi-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := stage(work, programs, when); err != nil {
		return err
	}
	args := []string{"-a", a.wixl, "-o", "cpx.msi"}
	variables := a.variables(version, number)
	for _, name := range slices.Sorted(maps.Keys(variables)) { // the order of what is written shows in the bytes
		args = append(args, "-D", name+"="+variables[name])
	}
	wide, other := "", ` Win64="yes"` // which wixl takes from no variable
	if a.wixl == "x64" {
		wide, other = other, wide
	}
	text := strings.NewReplacer("$(var.WIN64)", wide, "$(var.OTHER64)", other).Replace(source)
	if err := os.WriteFile(filepath.Join(work, "cpx-bridge.wxs"), []byte(text), 0o644); err != nil {
		return err
	}
	if err := silent(work, when, "wixl", append(args, "cpx-bridge.wxs")...); err != nil {
		return err
	}
	if err := patch(work, "cpx.msi", a, version, number, when); err != nil {
		return err
	}
	made, err := os.ReadFile(filepath.Join(work, "cpx.msi"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "cpx-bridge-"+version+"-"+a.name+".msi"), made, 0o644)
}

// stage puts what is packed beside each other, dated alike: the cabinet holds the dates.
func stage(work, programs string, when time.Time) error {
	for name, from := range map[string]string{"cpx-agent.exe": programs, "cpx-agentw.exe": programs, "LICENSES.txt": programs, "CPxBridge.ico": ""} {
		text := tray.ProgramIcon()
		if from != "" {
			var err error
			if text, err = os.ReadFile(filepath.Join(from, name)); err != nil {
				return err
			}
		}
		path := filepath.Join(work, name)
		if err := errors.Join(os.WriteFile(path, text, 0o644), os.Chtimes(path, when, when)); err != nil {
			return err
		}
	}
	return nil
}

// variables are those of the source.
func (a arch) variables(version, number string) map[string]string {
	v := map[string]string{
		"PRODUCT": identifier("product", a.name, version), "VERSION": number,
		"PROGRAMFILES": a.files,
	}
	// A component is the same as long as its files and values stand in the same place.
	for _, c := range []string{"AGENT", "AGENTW", "LICENCES", "EVENTSOURCE", "AUTOSTART", "NOAUTOSTART", "ORIGINS", "MODE", "LANG", "WSS"} {
		v["GUID_"+c] = identifier("component", a.name, c)
	}
	return v
}

// namespace is the project's, for names of version 5 (RFC 9562, section 5.5).
var namespace = uuid.MustParse("7c1d6e0a-5b1f-4b0e-9a0b-6f2f9c5ad3e4")

// identifier is the same each time for the same names.
func identifier(names ...string) string {
	return strings.ToUpper(uuid.NewSHA1(namespace, []byte(strings.Join(names, "/"))).String())
}

var semver = regexp.MustCompile(`^(\d+)\.(\d+)\.(\d+)(-[^+]+)?(?:\+.*)?$`)

// The bounds of a package's version ("ProductVersion property"). Windows compares three
// numbers and has no word for "before 1.2.3".
const mostMajor, mostMinor, mostBuild = 255, 255, 65535

// productVersion is the package's own version. What comes before a release has the highest
// number before it, so that the release replaces it, and it replaces the release before.
func productVersion(version string) (string, error) {
	match := semver.FindStringSubmatch(version)
	if match == nil {
		return "", fmt.Errorf("%q is no version", version)
	}
	var n [3]int
	for i, most := range []int{mostMajor, mostMinor, mostBuild} {
		var err error
		if n[i], err = strconv.Atoi(match[i+1]); err != nil || n[i] > most {
			return "", fmt.Errorf("%s: Windows packages count to %d.%d.%d", version, mostMajor, mostMinor, mostBuild)
		}
	}
	if match[4] != "" {
		switch {
		case n[2] > 0:
			n[2]--
		case n[1] > 0:
			n[1], n[2] = n[1]-1, mostBuild
		case n[0] > 0:
			n = [3]int{n[0] - 1, mostMinor, mostBuild}
		}
	}
	return fmt.Sprintf("%d.%d.%d", n[0], n[1], n[2]), nil
}

// sourceDate is the time that everything is dated with.
func sourceDate() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Now(), nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// silent runs a program in a folder, for wixl knows no absolute paths, and it must say nothing.
func silent(dir string, when time.Time, program string, args ...string) error {
	// The summary information has the time of each change, which neither program lets one set.
	cmd := exec.Command("faketime", append([]string{"-f", when.UTC().Format("2006-01-02 15:04:05"), program}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC", "SOURCE_DATE_EPOCH="+strconv.FormatInt(when.Unix(), 10))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %q: %w: %s", program, args, err, out)
	}
	if len(out) > 0 {
		return fmt.Errorf("%s %q says: %s", program, args, out)
	}
	return nil
}
