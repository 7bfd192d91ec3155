package autostart

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/internal/plainfile"
)

// unit is the name of the unit of packaging/linux, and of a person's own.
const unit = "cpx-agent.service"

// wanting are the folders of links that have a unit started at a login (systemd.unit(5)).
var wanting = []string{"graphical-session.target.wants", "graphical-session.target.requires", "default.target.wants", "default.target.requires"}

// unitDirs are the folders in which a person's systemd finds units, the most important first
// (systemd.unit(5), table 2), without what only a running manager writes.
func unitDirs() ([]string, error) {
	config, err := dirs.ConfigHome()
	if err != nil {
		return nil, err
	}
	data, err := dirs.DataHome()
	if err != nil {
		return nil, err
	}
	return unitFolders(config, data, dirs.Runtime()), nil
}

// everyonesUnitDirs are those of them that no person has for themselves.
func everyonesUnitDirs() []string { return unitFolders("", "", "") }

// unitFolders leaves out those of a base that is "".
func unitFolders(config, data, runtime string) (all []string) {
	add := func(folder string, bases ...string) {
		for _, base := range bases {
			if path := filepath.Join(base, "systemd", folder); base != "" && !slices.Contains(all, path) {
				all = append(all, path)
			}
		}
	}
	add("user.control", config, runtime)
	add("user", config)
	add("user", dirs.ConfigDirs()...)
	add("user", "/etc", runtime, "/run", data)
	add("user", dirs.DataDirs()...)
	add("user", "/usr/local/lib", "/usr/local/share", "/usr/lib", "/usr/share")
	return all
}

// enabledUnit is what starts the agent as a unit of the person's systemd; Where is "" where
// none is to start it.
func enabledUnit() (State, error) {
	folders, err := unitDirs()
	if err != nil {
		return State{}, err
	}
	return unitIn(folders)
}

// unitIn is the same of these folders.
func unitIn(folders []string) (State, error) {
	link := firstLink(folders)
	path := firstFile(folders, unit)
	if link == "" || path == "" || isMasked(path) {
		return State{}, nil
	}
	started, err := startedBy(folders, path)
	if err != nil || len(started) == 0 {
		return State{}, err
	}
	s := entry{enabled: true, exec: started}.state(path)
	s.Unit, s.UnitOff = path, "systemctl --user mask "+unit
	if own, err := dirs.ConfigHome(); err == nil && strings.HasPrefix(link, filepath.Join(own, "systemd")+"/") {
		s.UnitOff = "systemctl --user disable " + unit // a file of the person's own cannot be masked
	}
	return s, nil
}

// firstLink is the link that has the unit started, of the first target that has one: one that
// leads to /dev/null hides those of less important folders.
func firstLink(folders []string) string {
	for _, target := range wanting {
		if path := firstFile(folders, filepath.Join(target, unit)); path != "" && !isMasked(path) {
			return path
		}
	}
	return ""
}

func firstFile(folders []string, name string) string {
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		if _, err := os.Lstat(path); err == nil {
			return path
		}
	}
	return ""
}

// isMasked reports a unit that is never started: an empty file, or a link to /dev/null.
func isMasked(path string) bool {
	if target, err := os.Readlink(path); err == nil && target == os.DevNull {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() == 0
}

// startedBy is the program that the unit starts, and its arguments, with what was changed by
// `systemctl --user edit`.
func startedBy(folders []string, path string) (started []string, err error) {
	parts := map[string]string{} // by name: those of more important folders hide others
	for _, folder := range slices.Backward(folders) {
		found, _ := filepath.Glob(filepath.Join(globSafe(filepath.Join(folder, unit+".d")), "*.conf"))
		for _, part := range found {
			parts[filepath.Base(part)] = part
		}
	}
	files := []string{path}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		files = append(files, parts[name])
	}
	for _, file := range files {
		text, err := plainfile.Read(file)
		if errors.Is(err, fs.ErrNotExist) || isMasked(file) {
			continue
		}
		if err != nil {
			return nil, err
		}
		started = execStart(string(text), started)
	}
	return started, nil
}

// execStart is what a file of a unit makes of the program that was named before.
func execStart(text string, before []string) []string {
	section := ""
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
		}
		key, value, is := strings.Cut(line, "=")
		if !is || section != "[Service]" || strings.TrimSpace(key) != "ExecStart" {
			continue
		}
		before = splitExec(specified(strings.TrimLeft(strings.TrimSpace(value), "@-:+!|")))
	}
	return before
}

// specified resolves what a unit of a person's own has in its paths.
func specified(value string) string {
	home, _ := os.UserHomeDir()
	return strings.NewReplacer("%h", home, "%%", "%").Replace(value)
}
