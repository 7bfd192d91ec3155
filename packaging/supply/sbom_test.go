package supply

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// built is a small program of ours for a system.
func built(t *testing.T, system, arch string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "notices")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./notices")
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

func table(t *testing.T) []Row {
	t.Helper()
	rows, err := Table(filepath.Join(root, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestSBOM: the bill of materials names Go, the modules that each program contains, and what
// a program for Windows contains of its compiler; the same each time. It fails for a module
// without a row.
func TestSBOM(t *testing.T) {
	need.Program(t, "x86_64-w64-mingw32-gcc")
	r := Release{
		Version: "1.2.3-dev+0123", Registry: "1.2.3-dev.g0123", When: time.Unix(1700000000, 0), Module: "github.com/cpx-bridge/cpx-bridge",
		Programs: []string{built(t, "linux", "amd64"), built(t, "windows", "amd64"), built(t, "windows", "386")},
	}
	var one, two bytes.Buffer
	if err := errors.Join(SBOM(t.Context(), &one, r, table(t)), SBOM(t.Context(), &two, r, table(t))); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two bills of one release differ")
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(one.Bytes()), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	contains := map[string][]string{}
	for _, d := range *bom.Dependencies {
		contains[d.Ref] = *d.Dependencies
	}
	for program, want := range map[string][]string{
		"pkg:generic/cpx-bridge@1.2.3-dev%2B0123": {"program:linux/amd64/notices", "program:windows/386/notices", "pkg:npm/cpx-bridge@1.2.3-dev.g0123", "pkg:golang/github.com/cpx-bridge/cpx-bridge@v1.2.3-dev.g0123"},
		"program:linux/amd64/notices":             {"pkg:golang/std@", "pkg:golang/github.com/google/licensecheck@"},
		"program:windows/386/notices":             {"pkg:golang/github.com/google/licensecheck@", "pkg:deb/debian/mingw-w64-i686-dev@", "pkg:deb/debian/gcc-mingw-w64-i686-win32@"},
		"program:windows/amd64/notices":           {"pkg:deb/debian/mingw-w64-x86-64-dev@"},
	} {
		for _, part := range want {
			if !slices.ContainsFunc(contains[program], func(ref string) bool { return strings.HasPrefix(ref, part) }) {
				t.Errorf("%s: %s is missing among %v", program, part, contains[program])
			}
		}
	}
	if linux := contains["program:linux/amd64/notices"]; slices.ContainsFunc(linux, func(ref string) bool { return strings.Contains(ref, "mingw") }) {
		t.Errorf("a program for Linux contains %v", linux)
	}
	valid(t, one.Bytes())
	without := slices.DeleteFunc(table(t), func(r Row) bool { return r.Path == "github.com/google/licensecheck" })
	if err := SBOM(t.Context(), &two, r, without); !errors.Is(err, ErrUnknown) {
		t.Errorf("a module without a row: %v", err)
	}
}

// TestNotices: each part of a program has its licences there, also what a module took from
// others; a text that several are under stands there once.
func TestNotices(t *testing.T) {
	need.Program(t, "x86_64-w64-mingw32-gcc")
	var out bytes.Buffer
	if err := Notices(t.Context(), &out, []string{built(t, "linux", "amd64"), built(t, "windows", "amd64")}, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"== Go 1.", "== github.com/google/licensecheck v", "== mingw-w64-x86-64-dev ", "ZPL-2.1", "GCC RUNTIME LIBRARY EXCEPTION", "GNU GENERAL PUBLIC LICENSE"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(out.String(), "chromedp") {
		t.Error("what is in no program is there")
	}
	if n := strings.Count(out.String(), "\n== github.com/google/licensecheck "); n != 1 {
		t.Errorf("one module is there %d times", n)
	}
}

// TestTexts: the licences of a module are its own and those of what it took, also below its
// root, and none is an error.
func TestTexts(t *testing.T) {
	dir := t.TempDir()
	if _, err := texts(dir, false); !errors.Is(err, ErrNoLicence) {
		t.Errorf("no licence: %v", err)
	}
	apacheText := "Apache License\r\nVersion 2.0, January 2004\r\nand so on\r\n"
	for name, text := range map[string]string{
		"LICENSE": apacheText, "LICENSE-3RD-PARTY.md": "third", "PATENTS": "patents", "license.go": "code", "internal/taken/LICENSE": "taken",
		"testdata/LICENSE": "of a test", "NOTICE": "noticed", "licensed.md": "no licence",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want := "-- LICENSE\n\nApache License\nVersion 2.0, January 2004\nand so on\n\n-- LICENSE-3RD-PARTY.md\n\nthird\n\n-- NOTICE\n\nnoticed\n\n-- PATENTS\n\npatents\n\n-- internal/taken/LICENSE\n\ntaken\n\n"
	if got, err := texts(dir, false); err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := texts(dir, true); err != nil || !strings.HasPrefix(got, "-- LICENSE\n\nApache License, version 2.0: /usr/share/common-licenses/Apache-2.0\n\n") {
		t.Errorf("%q, %v", got, err)
	}
}

// valid holds a bill against CycloneDX's own schema, which the library brings along, and
// against what a schema cannot say: each thing that is named is there, once.
func valid(t *testing.T, bill []byte) {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	const base = "http://cyclonedx.org/schema/"
	c := jsonschema.NewCompiler()
	for name, file := range map[string]string{"bom-1.6.schema.json": "", "spdx.schema.json": "", "jsf-0.82.schema.json": "jsf-0.82.schemax.json"} {
		f, err := os.Open(filepath.Join(strings.TrimSpace(string(dir)), "schema", cmp.Or(file, name)))
		if err != nil {
			t.Fatal(err)
		}
		schema, err := jsonschema.UnmarshalJSON(f)
		if err := errors.Join(err, f.Close(), c.AddResource(base+name, schema)); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := c.Compile(base + "bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	content, err := jsonschema.UnmarshalJSON(bytes.NewReader(bill))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(content); err != nil {
		t.Errorf("%v", err)
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(bill), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	there := map[string]int{bom.Metadata.Component.BOMRef: 1}
	for _, component := range *bom.Components {
		there[component.BOMRef]++
	}
	for _, d := range *bom.Dependencies {
		for _, ref := range append(*d.Dependencies, d.Ref) {
			if there[ref] != 1 {
				t.Errorf("%s is there %d times", ref, there[ref])
			}
		}
	}
}
