// Command admx makes the administrative templates, by which group policy and what imports
// such templates set the workstations' settings and the browsers' lists of portals:
//
//	go run ./packaging/admx -out FOLDER
//
// writes cpx-bridge.admx and cpx-bridge-browsers.admx, and the texts of each in fr-FR and
// en-US. What is in them comes from the definitions of the settings and of the browsers'
// policies, and from the catalogue of texts: nothing is written by hand, and nothing made
// is committed. The same version of the source makes the same bytes.
//
// It is run by scripts/dist, and never changes a registry.
package main

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/language"
)

// cultures are the folders of the texts, as Windows names languages.
var cultures = map[string]string{language.French: "fr-FR", language.English: "en-US"}

func main() {
	log.SetFlags(0)
	out := flag.String("out", "", "the folder to write into")
	flag.Parse()
	if *out == "" || flag.NArg() > 0 {
		log.Fatal("usage: go run ./packaging/admx -out FOLDER")
	}
	if err := run(*out); err != nil {
		log.Fatal(err)
	}
}

func run(out string) error {
	version, err := version()
	if err != nil {
		return err
	}
	revision, err := revisionOf(version)
	if err != nil {
		return err
	}
	for _, t := range []*template{settingsTemplate(), browsersTemplate()} {
		files, err := t.files(revision)
		if err != nil {
			return err
		}
		for name, content := range files {
			path := filepath.Join(out, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, content, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// version is that of the source, or what CPX_VERSION says, as in scripts/version.
func version() (string, error) {
	if version := os.Getenv("CPX_VERSION"); version != "" {
		return version, nil
	}
	text, err := os.ReadFile("VERSION")
	if err != nil {
		return "", fmt.Errorf("%w: run this in the repository's folder", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// revisionOf is a version as templates have it, two numbers of which the second has five
// digits at most: 1.2.3 is 1.203. Editors refuse texts of an older revision than the
// policies', in place of looking for those that are not there.
func revisionOf(version string) (string, error) {
	core, _, _ := strings.Cut(version, "-")
	core, _, _ = strings.Cut(core, "+")
	var n [3]int
	parts := strings.Split(core, ".")
	if len(parts) != len(n) {
		return "", fmt.Errorf("%q is no version", version)
	}
	for i, part := range parts {
		var err error
		if n[i], err = strconv.Atoi(part); err != nil || n[i] < 0 || n[0] > 9999 || n[1] > 999 || n[2] > 99 {
			return "", fmt.Errorf("%q is no version that a template can have", version)
		}
	}
	return fmt.Sprintf("%d.%d", n[0], n[1]*100+n[2]), nil
}

// encoded is a document as editors read it: UTF-8, with lines as Windows ends them, so that
// it can be read in any editor there.
func encoded(document any) ([]byte, error) {
	text, err := xml.MarshalIndent(document, "", "  ")
	if err != nil {
		return nil, err
	}
	text = append([]byte(xml.Header), append(text, '\n')...)
	return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")), nil
}
