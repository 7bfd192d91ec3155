package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// npmPackage has npm pack the page's library into out, under the name that npm gives it. The
// package is private: it is installed from that file, and npm publishes it nowhere, since the
// name at npm's registry is not ours.
func npmPackage(root, out string, v versions) error {
	work, err := os.MkdirTemp("", "npm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	staged := filepath.Join(work, "package")
	if err := stageLibrary(filepath.Join(root, "js"), staged, v); err != nil {
		return err
	}
	cmd := exec.Command("npm", "pack", "--json", "--offline", "--ignore-scripts", "--pack-destination", work)
	cmd.Dir = staged
	// Settings of whoever builds are no part of a release.
	cmd.Env = append(os.Environ(), "HOME="+work, "npm_config_userconfig="+filepath.Join(work, "none"), "npm_config_globalconfig="+filepath.Join(work, "none-either"),
		"npm_config_cache="+filepath.Join(work, "cache"), "npm_config_update_notifier=false")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	said, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("npm pack (YES=1 scripts/setup packages installs npm): %w\n%s", err, problems.Bytes())
	}
	name := v.named("cpx-bridge-{registry}.tgz")
	packed, err := os.ReadFile(filepath.Join(work, name))
	if err != nil {
		return fmt.Errorf("npm pack made no %s, and said %s", name, said)
	}
	return os.WriteFile(filepath.Join(out, name), packed, 0o644)
}

// stageLibrary copies what is packed, with the modes that npm would take over, and the
// version of this build.
func stageLibrary(js, to string, v versions) error {
	for _, name := range []string{"package.json", "README.md", "API.md", "LICENSE", "dist"} {
		err := filepath.WalkDir(filepath.Join(js, name), func(file string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			as, err := filepath.Rel(js, file)
			if err != nil {
				return err
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if as == "package.json" {
				if text, err = withVersion(text, v.registry); err != nil {
					return err
				}
			}
			as = filepath.Join(to, as)
			return errors.Join(os.MkdirAll(filepath.Dir(as), 0o755), os.WriteFile(as, text, 0o644), os.Chmod(as, 0o644))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// withVersion changes the version in a package.json, and no other byte.
func withVersion(text []byte, version string) ([]byte, error) {
	var about struct{ Version string }
	if err := json.Unmarshal(text, &about); err != nil {
		return nil, err
	}
	was, is := fmt.Sprintf("%q: %q", "version", about.Version), fmt.Sprintf("%q: %q", "version", version)
	if strings.Count(string(text), was) != 1 {
		return nil, fmt.Errorf("js/package.json does not say %s", was)
	}
	return []byte(strings.Replace(string(text), was, is, 1)), nil
}
