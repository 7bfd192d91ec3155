package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// versions are the one version as each kind of file has it in its name.
type versions struct {
	semver   string // 0.1.0, 0.1.0-dev+0123456789ab
	packages string // as Debian and RPM compare: 0.1.0~dev+0123456789ab
	registry string // as npm and Go's proxies take it: 0.1.0-dev.g0123456789ab
}

// file is one of a release.
type file struct {
	path string // {version}, {package} and {registry} stand for the version
	what string // that it is, for whom
}

// module is the path of ours.
const module = "github.com/cpx-bridge/cpx-bridge"

// The files that stand on the others.
const (
	sums      = "SHA256SUMS"
	signature = sums + ".p7s"
)

// manifest is what a release holds, these files and no others. The document's table and
// README.txt in the release come from it.
var manifest = []file{
	{"cpx-bridge-{version}-x64.msi", "the agent for Windows, 64 bits"},
	{"cpx-bridge-{version}-x86.msi", "the agent for Windows, where the card's module has 32 bits"},
	{"cpx-bridge_{package}_amd64.deb", "the agent for Debian and Ubuntu"},
	{"cpx-bridge-{package}-1.x86_64.rpm", "the agent for Fedora, openSUSE and RHEL"},
	{"admx/cpx-bridge.admx", "the settings' template for group policy"},
	{"admx/cpx-bridge-browsers.admx", "the template of the browsers' lists of portals"},
	{"admx/fr-FR/cpx-bridge.adml", "the first template's texts in French"},
	{"admx/fr-FR/cpx-bridge-browsers.adml", "the second one's"},
	{"admx/en-US/cpx-bridge.adml", "the first template's texts in English"},
	{"admx/en-US/cpx-bridge-browsers.adml", "the second one's"},
	{"cpx-bridge-portal-{version}-linux-amd64.tar.gz", "the reference portal and the maker of demonstration cards, with the documents for portals and the page's library"},
	{"cpx-bridge-{registry}.tgz", "the page's library as an npm package"},
	{"go/" + module + "/@v/list", "the Go module for portals, as a proxy of files: the versions in it"},
	{"go/" + module + "/@v/v{registry}.info", "the module's version and time"},
	{"go/" + module + "/@v/v{registry}.mod", "its go.mod"},
	{"go/" + module + "/@v/v{registry}.zip", "its source"},
	{"cpx-bridge-{version}.cdx.json", "the bill of materials of all programs and libraries: CycloneDX"},
	{"LICENSE", "the licence of CPx Bridge"},
	{"LICENSES.txt", "the licences of all that the programs contain of others"},
	{"CHANGELOG.md", "what has changed, version by version"},
	{"README.txt", "this list, and how to see that the files are genuine"},
	{sums, "the SHA-256 sums of all the files above"},
	{signature, "the signature of the sums (CMS); where a release is not signed it is missing"},
}

// named is a path with the version in its place.
func (v versions) named(path string) string {
	return strings.NewReplacer("{version}", v.semver, "{package}", v.packages, "{registry}", v.registry).Replace(path)
}

// check compares a folder with the manifest. What stands on the others, and is made last,
// may be missing; nothing else may, and nothing may be more or empty.
func check(dir string, v versions) error {
	want := map[string]bool{}
	for _, f := range manifest {
		want[v.named(f.path)] = true
	}
	var problems []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if info, err := e.Info(); err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
			problems = append(problems, name+" is empty, or no file")
		}
		if !want[name] {
			problems = append(problems, name+" is not in the manifest")
		}
		delete(want, name)
		return nil
	})
	if err != nil {
		return err
	}
	delete(want, sums)
	delete(want, signature)
	for name := range want {
		problems = append(problems, name+" is missing")
	}
	if len(problems) > 0 {
		slices.Sort(problems)
		return fmt.Errorf("%s holds not what a release does (packaging/release/manifest.go):\n%s", dir, strings.Join(problems, "\n"))
	}
	return nil
}

// readme writes the list for who has nothing but the release.
func readme(path string, v versions) error {
	var text strings.Builder
	fmt.Fprintf(&text, "CPx Bridge %s: login to web portals with a French health professional's card.\n\n", v.semver)
	for _, f := range manifest {
		fmt.Fprintf(&text, "%s\n    %s\n", v.named(f.path), f.what)
	}
	text.WriteString(`
Are the files as they were published? In this folder, of the files that you have:

    sha256sum --check --ignore-missing SHA256SUMS

And who published them? With the publisher's certificate authority in ca.pem:

    openssl cms -verify -binary -inform DER -in SHA256SUMS.p7s -content SHA256SUMS \
        -purpose any -CAfile ca.pem -out /dev/null

More, also for Windows: docs/release.md of CPx Bridge, https://` + module + "\n")
	return os.WriteFile(path, []byte(text.String()), 0o644)
}
