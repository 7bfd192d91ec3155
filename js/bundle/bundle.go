// Package bundle makes the files of js/dist from js/src. It is used by the
// build command and by the test that the committed files have not drifted; it
// writes nothing, and may be called concurrently.
package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

const mark = "// Generated from js/src by go run ./js/build; do not edit. SPDX-License-Identifier: Apache-2.0"

// Types is the name of the declarations, which are copied.
const Types = "cpx-bridge.d.ts"

// Files returns the built files by name. dir is the js folder.
func Files(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for name, source := range map[string]string{
		"cpx-bridge.mjs": "index.ts",
		"lang-fr.mjs":    "lang-fr.ts",
		"lang-en.mjs":    "lang-en.ts",
	} {
		text, err := build(filepath.Join(dir, "src", source))
		if err != nil {
			return nil, fmt.Errorf("bundle %s: %w", source, err)
		}
		files[name] = text
	}
	types, err := os.ReadFile(filepath.Join(dir, "src", Types))
	if err != nil {
		return nil, err
	}
	files[Types] = append([]byte(mark+"\n"), types...)
	return files, nil
}

func build(source string) ([]byte, error) {
	path, err := filepath.Abs(source)
	if err != nil {
		return nil, err
	}
	result := api.Build(api.BuildOptions{
		EntryPoints:       []string{path},
		AbsWorkingDir:     filepath.Dir(path),
		Bundle:            true,
		Format:            api.FormatESModule,
		Target:            api.ES2022,
		Charset:           api.CharsetUTF8,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		// Loaded by the page when a sentence is wanted.
		External: []string{"./lang-fr.mjs", "./lang-en.mjs"},
		// Independent of settings for the type checker.
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
