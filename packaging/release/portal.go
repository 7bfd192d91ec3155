package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"
)

// portalFiles are those of the source that whoever runs or builds a portal needs.
var portalFiles = []string{
	"LICENSE", "CHANGELOG.md", "docs/portal-developers.md", "docs/portal-operators.md", "docs/portal-hardening.md", "docs/portal-accessibility.md", "docs/portal-data.md", "docs/token.md", "docs/attack-surface.md", "packaging/portal", "portal/settings/sample.toml", "js/README.md", "js/API.md", "js/LICENSE", "js/dist",
	"authtoken/testdata/vectors", "examples/node-verifier",
}

// portalReadme is on top of the archive.
const portalReadme = `CPx Bridge: the reference portal, for Linux on amd64.

cpx-portal                  the portal: cpx-portal --help
cpx-card                    makes demonstration cards, and virtual ones for tests: cpx-card --help
docs/portal-developers.md   how to run it, its settings, and how to build a portal of your own
docs/portal-operators.md    authorities of real cards, and the commands, for whoever runs it
docs/portal-hardening.md    how to run it for people: service, proxy, rights, backups
packaging/portal            the service for systemd, nginx's configuration, a container file
docs/portal-accessibility.md what a statement of accessibility (RGAA) can say of its pages
docs/portal-data.md         which personal data is where, and for how long (RGPD)
docs/token.md               what is signed, for who writes a verifier
authtoken/testdata/vectors  tokens, good and hostile, to try a verifier with
examples/node-verifier      a verifier in JavaScript
docs/attack-surface.md      what it holds off, and what not
portal/settings/sample.toml the setting "texts": all that may be in such a file
js/dist                     the page's library, for a portal of your own to serve
LICENSE, LICENSES.txt       what it is under, and what its parts are under

cpx-portal needs nothing but Linux's C library, glibc 2.34 or newer; cpx-card a PKCS#11
module for some of its commands. Neither makes a connection of its own,
but that cpx-portal fetches lists of revoked certificates where its settings say so.
`

// portalArchive writes the programs and what belongs to them into one archive, whose bytes
// are of its contents and the time alone.
func portalArchive(root, programs, licences, out string, v versions, when time.Time) (err error) {
	contents := map[string]entry{"README.txt": {text: []byte(portalReadme), mode: 0o644}}
	for _, program := range []string{"cpx-portal", "cpx-card"} {
		if err := read(contents, filepath.Join(programs, program), program, 0o755); err != nil {
			return err
		}
	}
	if err := read(contents, licences, "LICENSES.txt", 0o644); err != nil {
		return err
	}
	for _, name := range portalFiles {
		err := filepath.WalkDir(filepath.Join(root, name), func(file string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			as, err := filepath.Rel(root, file)
			if err != nil {
				return err
			}
			return read(contents, file, filepath.ToSlash(as), 0o644)
		})
		if err != nil {
			return err
		}
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return pack(f, "cpx-bridge-portal-"+v.semver, contents, when)
}

// entry is a file of an archive.
type entry struct {
	text []byte
	mode int64
}

func read(contents map[string]entry, file, name string, mode int64) error {
	text, err := os.ReadFile(file)
	contents[name] = entry{text, mode}
	return err
}

// pack writes an archive with one folder at its top.
func pack(out *os.File, top string, contents map[string]entry, when time.Time) error {
	zipped, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(zipped)
	folders := map[string]bool{".": true}
	var names []string
	for name := range contents {
		for dir := path.Dir(name); !folders[dir]; dir = path.Dir(dir) {
			folders[dir] = true
			names = append(names, dir+"/")
		}
		names = append(names, name)
	}
	names = append(names, "")
	slices.Sort(names)
	for _, name := range names {
		h := tar.Header{Name: top + "/" + name, ModTime: when, Uname: "root", Gname: "root", Mode: 0o755, Typeflag: tar.TypeDir}
		e, isFile := contents[name]
		if isFile {
			h.Typeflag, h.Mode, h.Size = tar.TypeReg, e.mode, int64(len(e.text))
		}
		if err := archive.WriteHeader(&h); err != nil {
			return err
		}
		if _, err := archive.Write(e.text); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), zipped.Close())
}
