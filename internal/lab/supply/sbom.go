package supply

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// ErrUnknown says that a program contains a module that the table does not have.
var ErrUnknown = errors.New("supply: a module without a row")

// SBOM writes the bill of materials of a program, in CycloneDX: what the program itself
// says that it was built from, with the table's licences. The same program gives the
// same bytes, so that it names no time and no serial.
func SBOM(out io.Writer, program string, rows []Row) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	name := filepath.Base(program)
	bom := cdx.NewBOM()
	main := component(cdx.ComponentTypeApplication, info.Main.Path+"/cmd/"+name, info.Main.Version, []string{"Apache-2.0"})
	main.Name = name
	bom.Metadata = &cdx.Metadata{Component: &main}
	std := component(cdx.ComponentTypeLibrary, "std", strings.TrimPrefix(info.GoVersion, "go"), []string{"BSD-3-Clause"})
	components := []cdx.Component{std}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		i := slices.IndexFunc(rows, func(r Row) bool { return r.Path == m.Path })
		if i < 0 {
			return fmt.Errorf("%w: %s in %s", ErrUnknown, m.Path, program)
		}
		c := component(cdx.ComponentTypeLibrary, m.Path, m.Version, rows[i].Licences)
		// go.sum's form of a sum, which CycloneDX has no name for among its hashes.
		c.Properties = &[]cdx.Property{{Name: "go:sum", Value: m.Sum}}
		components = append(components, c)
	}
	bom.Components = &components
	encoder := cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON)
	encoder.SetPretty(true)
	return encoder.Encode(bom)
}

func component(kind cdx.ComponentType, path, version string, licences []string) cdx.Component {
	c := cdx.Component{
		Type: kind, Name: path, Version: version,
		PackageURL: "pkg:golang/" + path + "@" + version,
		Licenses:   &cdx.Licenses{},
	}
	c.BOMRef = c.PackageURL
	if len(licences) == 1 {
		*c.Licenses = append(*c.Licenses, cdx.LicenseChoice{License: &cdx.License{ID: licences[0]}})
		return c
	}
	*c.Licenses = append(*c.Licenses, cdx.LicenseChoice{Expression: strings.Join(licences, " AND ")})
	return c
}

// Notices writes the licences that go with the programs: the text of each module that
// is in one of them, and Go's own.
func Notices(ctx context.Context, out io.Writer, rows []Row, modules []Module) error {
	goRoot, err := run(ctx, ".", nil, "env", "GOROOT")
	if err != nil {
		return err
	}
	goLicence := Module{Path: "Go's standard library", Dir: strings.TrimSpace(string(goRoot))}
	for _, m := range append([]Module{goLicence}, modules...) {
		i := slices.IndexFunc(rows, func(r Row) bool { return r.Path == m.Path })
		if m != goLicence && (i < 0 || !slices.ContainsFunc(rows[i].In, func(in string) bool { return slices.Contains(Programs, in) })) {
			continue
		}
		_, text, err := Licences(m.Dir)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "== %s %s\n\n%s\n", m.Path, m.Version, text); err != nil {
			return err
		}
	}
	return nil
}
