// Package bundle makes the files of js/dist from js/src, for the build command and
// for the test that the committed files are up to date. It may be called
// concurrently, and never writes a file.
package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/evanw/esbuild/pkg/api"
)

const mark = "// Generated from js/src by go run ./js/build; do not edit. SPDX-License-Identifier: Apache-2.0"

// product is one file of js/dist.
type product struct {
	source string
	format api.Format
	global string // the name of a plain script's exports
}

var products = map[string]product{
	"cpx-bridge.mjs":    {source: "index.ts", format: api.FormatESModule},
	"cpx-bridge.js":     {source: "index.ts", format: api.FormatIIFE, global: "CPxBridge"},
	"button.mjs":        {source: "button.ts", format: api.FormatESModule},
	"selftest.mjs":      {source: "selftest.ts", format: api.FormatESModule},
	"selftest-fr.mjs":   {source: "selftest-fr.ts", format: api.FormatESModule},
	"selftest-en.mjs":   {source: "selftest-en.ts", format: api.FormatESModule},
	"web-eid-compat.js": {source: "web-eid-compat.ts", format: api.FormatIIFE},
	"lang-fr.mjs":       {source: "lang-fr.ts", format: api.FormatESModule},
	"lang-en.mjs":       {source: "lang-en.ts", format: api.FormatESModule},
}

// types are the declarations, which are copied.
var types = []string{"cpx-bridge.d.mts", "button.d.mts", "selftest.d.mts"}

// Files returns the built files by name. dir is the js folder.
func Files(dir string) (map[string][]byte, error) {
	version, err := version(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for name, p := range products {
		text, err := build(dir, p, version)
		if err != nil {
			return nil, fmt.Errorf("bundle %s: %w", p.source, err)
		}
		files[name] = text
	}
	for _, name := range types {
		text, err := os.ReadFile(filepath.Join(dir, "src", name))
		if err != nil {
			return nil, err
		}
		files[name] = append([]byte(mark+"\n"), text...)
	}
	return files, nil
}

// version is the package's, which the self-test's text for a hotline names.
func version(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return "", err
	}
	var about struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(text, &about); err != nil {
		return "", fmt.Errorf("package.json: %w", err)
	}
	return about.Version, nil
}

func build(dir string, p product, version string) ([]byte, error) {
	path, err := filepath.Abs(filepath.Join(dir, "src", p.source))
	if err != nil {
		return nil, err
	}
	result := api.Build(api.BuildOptions{
		EntryPoints:       []string{path},
		AbsWorkingDir:     filepath.Dir(path),
		Bundle:            true,
		Format:            p.format,
		GlobalName:        p.global,
		Target:            api.ES2022,
		Charset:           api.CharsetUTF8,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		// Files of their own: the page loads them when needed, from the folder of
		// the file that needs them.
		External: []string{"./cpx-bridge.mjs", "./lang-fr.mjs", "./lang-en.mjs", "./selftest-fr.mjs", "./selftest-en.mjs"},
		Define:   map[string]string{"LIBRARY_VERSION": strconv.Quote(version)},
		// So that settings for the type checker change nothing here.
		TsconfigRaw: `{"compilerOptions":{"target":"ES2022","useDefineForClassFields":true}}`,
		Banner:      map[string]string{"js": mark},
		LogLevel:    api.LogLevelSilent,
		Write:       false,
	})
	var problems []error
	for _, m := range append(result.Errors, result.Warnings...) {
		where := ""
		if m.Location != nil {
			where = fmt.Sprintf("%s:%d: ", m.Location.File, m.Location.Line)
		}
		problems = append(problems, errors.New(where+m.Text))
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return result.OutputFiles[0].Contents, nil
}
