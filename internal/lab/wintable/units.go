package wintable

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/cells"
)

// Unit is a package whose tests are run on Windows.
type Unit struct {
	Package string
	// With32 says that they are run for 386, too: what is about the layout of structs.
	With32 bool
	// Not are its tests that say nothing about Windows, with commas between them, by the
	// reason why. They are left out; part of a test, with a slash, skips itself.
	Not map[string]string
}

// Reasons that several have.
const (
	linuxPaths    = "they name files as Linux does"
	linuxBrowsers = "they are about the files of Linux's browsers"
	posixModes    = "they are about modes as POSIX has them: on Windows access lists say who may read, and the folder is the person's own"
)

// Units are all. TestUnits says which package with files for Windows is missing.
var Units = []Unit{
	{Package: "agent/autostart"},
	{Package: "agent/browsers", Not: map[string]string{
		linuxBrowsers: "TestLinuxFiles,TestOthersEntries,TestBackupGone,TestEmptyBefore,TestLaterPolicy,TestRefused,TestWithoutRecord,TestLinkAndMode,TestInForce," +
			"TestShared,TestSharedBesideOthers,TestSharedChangedSince,TestSharedWithoutRecord,TestSharedRefused",
	}},
	{Package: "agent/cards"},
	{Package: "agent/control"},
	{Package: "agent/desktop", With32: true},
	{Package: "agent/doctor"},
	{Package: "agent/events", Not: map[string]string{"they read the documents": "TestTable,TestMarkedLines"}},
	{Package: "agent/everyone"},
	{Package: "agent/gate"},
	{Package: "agent/journal"},
	{Package: "agent/keyring"},
	{Package: "agent/localcert", Not: map[string]string{"it needs openssl": "TestConstraints"}},
	{Package: "agent/login"},
	{Package: "agent/notify", With32: true},
	{Package: "agent/peer", With32: true},
	{Package: "agent/policy", Not: map[string]string{
		linuxPaths + "; the registry's values have tests of their own": "TestEveryKey,TestKeysOfTheDocument,TestMachinePolicy",
	}},
	{Package: "agent/prompt", With32: true, Not: map[string]string{
		"they need programs of Linux": "TestEndWithOrphan,TestTooManyAnswers,TestUnavailable/ends_at_once",
	}},
	{Package: "agent/sites"},
	{Package: "agent/state"},
	{Package: "internal/account", With32: true},
	{Package: "agent/supervisor"},
	{Package: "internal/atomicfile", Not: map[string]string{posixModes: "TestMode"}},
	{Package: "internal/dirs"},
	{Package: "internal/filewatch", Not: map[string]string{"it is about links, which only administrators make on Windows": "TestFollowLinks"}},
	{Package: "internal/language"},
	{Package: "internal/nodump", With32: true},
	{Package: "internal/owners", With32: true},
	{Package: "internal/plainfile"},
	{Package: "internal/programname", With32: true},
	{Package: "internal/remembered"},
	{Package: "internal/role", With32: true},
	{Package: "internal/sharepath"},
	{Package: "internal/textfile"},
	{Package: "internal/tomlfile"},
	{Package: "packaging/admx", Not: map[string]string{"they read the source and the documents": "TestEverySettingHasItsTexts,TestPoliciesOfTheDocument"}},
	{Package: "pkcs11/pcsc", With32: true},
	{Package: "tray"},
}

// Archs are the architectures that it is run for.
func (u Unit) Archs() []string {
	if u.With32 {
		return Architectures
	}
	return Architectures[:1]
}

// not are the names of its tests that are not run.
func (u Unit) not() (tests []string) {
	for _, names := range u.Not {
		tests = append(tests, strings.Split(names, ",")...)
	}
	slices.Sort(tests)
	return tests
}

// Omitted prints which tests of the packages are not run on Windows, and why.
func Omitted(out io.Writer, units []Unit) {
	for _, u := range units {
		for _, why := range slices.Sorted(maps.Keys(u.Not)) {
			fmt.Fprintf(out, "omitted of %s: %s: %s\n", u.Package, strings.ReplaceAll(u.Not[why], ",", ", "), why)
		}
	}
}

// flags are those of its tests' program.
func (u Unit) flags() []string {
	whole := slices.DeleteFunc(u.not(), func(name string) bool { return strings.Contains(name, "/") })
	if len(whole) == 0 {
		return nil
	}
	return []string{"-test.skip=^(" + strings.Join(whole, "|") + ")$"}
}

// results are the package's cell, and one for each of its tests that skipped itself: that
// was not tried.
func (u Unit) results(p Tested, arch string) []cells.Result {
	r := cells.Result{Case: u.Package, Column: arch, State: p.State}
	for _, t := range p.Tests {
		if t.State == cells.Passed && !strings.Contains(t.Name, "/") {
			r.Tests++
		}
	}
	switch p.State {
	case cells.Failed:
		r.Why = p.Failure()
	case cells.NotTried:
		r.Why = cmp.Or(p.Why, "none of its tests runs on Windows")
	}
	all := []cells.Result{r}
	skipped := p.Skipped()
	for _, name := range slices.Sorted(maps.Keys(skipped)) {
		if slices.Contains(u.not(), name) {
			continue
		}
		all = append(all, cells.Result{Case: u.Package + " " + name, Column: arch, Why: skipped[name]})
	}
	return all
}

// forWindows is how a file's name says that it is for Windows alone.
var forWindows = regexp.MustCompile(`_windows(_386|_amd64)?(_test)?\.go$`)
