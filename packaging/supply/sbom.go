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
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/uuid"
)

// ErrUnknown says that a program contains a module that the table does not have.
var ErrUnknown = errors.New("supply: a module without a row")

// Release is what a bill of materials is of.
type Release struct {
	Version  string
	Registry string // the same as npm and Go's proxies write it
	When     time.Time
	Programs []string // their files
	Module   string   // the path of ours
}

// own is what is ours.
var own = []string{"Apache-2.0"}

// SBOM writes the bill of materials of a release, in CycloneDX: each program with what it
// says itself that it was built from, the page's library and the Go module, with the table's
// licences. The same release gives the same bytes.
func SBOM(ctx context.Context, out io.Writer, r Release, rows []Row) error {
	bom := cdx.NewBOM()
	bom.SerialNumber = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://"+r.Module+"#"+r.Version)).URN()
	whole := component(cdx.ComponentTypeApplication, "cpx-bridge", r.Version, "pkg:generic/cpx-bridge@"+escaped(r.Version), own)
	bom.Metadata = &cdx.Metadata{Timestamp: r.When.UTC().Format(time.RFC3339), Component: &whole}
	b := &bill{rows: rows}
	for _, program := range r.Programs {
		if err := b.program(ctx, program, r); err != nil {
			return err
		}
	}
	for _, url := range []string{"pkg:npm/cpx-bridge@" + r.Registry, "pkg:golang/" + r.Module + "@v" + r.Registry} {
		name, _, _ := strings.Cut(strings.SplitN(url, "/", 2)[1], "@")
		b.top = append(b.top, b.add(component(cdx.ComponentTypeLibrary, name, r.Registry, url, own)))
	}
	b.edges = append([]cdx.Dependency{{Ref: whole.BOMRef, Dependencies: &b.top}}, b.edges...)
	bom.Components, bom.Dependencies = &b.components, &b.edges
	encoder := cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON)
	encoder.SetPretty(true)
	return encoder.EncodeVersion(bom, cdx.SpecVersion1_6) // the newest that what reads such files mostly knows
}

// bill is a bill of materials while it is made.
type bill struct {
	rows       []Row
	components []cdx.Component
	edges      []cdx.Dependency
	top        []string // what the release consists of
}

// add puts a component in, once, and returns its name for others.
func (b *bill) add(c cdx.Component) string {
	if !slices.ContainsFunc(b.components, func(there cdx.Component) bool { return there.BOMRef == c.BOMRef }) {
		b.components = append(b.components, c)
	}
	return c.BOMRef
}

// program puts one in, with what it contains.
func (b *bill) program(ctx context.Context, path string, r Release) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return err
	}
	name, system := filepath.Base(path), map[string]string{}
	for _, s := range info.Settings {
		system[s.Key] = s.Value
	}
	on := system["GOOS"] + "/" + system["GOARCH"]
	program := component(cdx.ComponentTypeApplication, name, r.Version, "", own)
	program.BOMRef = "program:" + on + "/" + name
	program.Properties = &[]cdx.Property{{Name: "go:platform", Value: on}}
	var contains []string
	others, err := parts(ctx, info)
	if err != nil {
		return err
	}
	for _, p := range others {
		c := component(cdx.ComponentTypeLibrary, p.Name, p.Version, p.URL, p.Licences)
		if !strings.HasPrefix(p.URL, "pkg:") {
			c.Type, c.PackageURL, c.BOMRef = cdx.ComponentTypeData, "", "data:"+p.Name
			c.ExternalReferences = &[]cdx.ExternalReference{{Type: cdx.ERTypeDistribution, URL: p.URL}}
		}
		contains = append(contains, b.add(c))
	}
	for _, m := range modulesOf(info) {
		i := slices.IndexFunc(b.rows, func(row Row) bool { return row.Path == m.Path })
		if i < 0 {
			return fmt.Errorf("%w: %s in %s", ErrUnknown, m.Path, path)
		}
		c := component(cdx.ComponentTypeLibrary, m.Path, m.Version, "pkg:golang/"+m.Path+"@"+escaped(m.Version), b.rows[i].Licences)
		// go.sum's form of a sum, which CycloneDX has no name for among its hashes.
		c.Properties = &[]cdx.Property{{Name: "go:sum", Value: m.sum}}
		contains = append(contains, b.add(c))
	}
	b.edges = append(b.edges, cdx.Dependency{Ref: b.add(program), Dependencies: &contains})
	b.top = append(b.top, program.BOMRef)
	return nil
}

// escaped is a version as a package URL has it.
func escaped(version string) string { return strings.ReplaceAll(version, "+", "%2B") }

func component(kind cdx.ComponentType, name, version, url string, licences []string) cdx.Component {
	c := cdx.Component{Type: kind, Name: name, Version: version, PackageURL: url, BOMRef: url, Licenses: &cdx.Licenses{}}
	if len(licences) == 1 && !strings.Contains(licences[0], " ") {
		*c.Licenses = append(*c.Licenses, cdx.LicenseChoice{License: &cdx.License{ID: licences[0]}})
		return c
	}
	*c.Licenses = append(*c.Licenses, cdx.LicenseChoice{Expression: strings.Join(licences, " AND ")})
	return c
}
