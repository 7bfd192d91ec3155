package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/windowslab"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/winetest"
)

func TestPackageX64(t *testing.T) { newLife(t, architectures[0]).plays(t) }

func TestPackageX86(t *testing.T) { newLife(t, architectures[1]).plays(t) }

// Folders of packages to be tried in the place of those that are built here: of a release,
// and of an older version.
const (
	newerVariable = "CPX_TEST_PACKAGES"
	olderVariable = "CPX_TEST_OLDER"
)

// edition is a package of a version.
type edition struct{ path, version string }

// life is a package's, in the Windows of a hospital that has others' policies too, with a
// reader and a card.
type life struct {
	*windows
	arch         arch
	world        *windowslab.World
	older, newer edition
	other        arch // the other architecture
	othersNewer  edition
	keys, files  []string // as they were before
	good         map[string]bool
}

func newLife(t *testing.T, a arch) *life {
	t.Helper()
	l := &life{arch: a, good: map[string]bool{}}
	e := windowslab.NewEnvironment(t)
	l.windows = opens(t, a, winetest.New10(t, e.Variables()...))
	l.older, l.newer = editions(t, a)
	l.other = architectures[1-slices.IndexFunc(architectures, func(each arch) bool { return each.name == a.name })]
	_, l.othersNewer = editions(t, l.other)
	goarch := map[string]string{"x64": "amd64", "x86": "386"}[a.name]
	l.world = windowslab.Open(t, e, l.Wine10, windowslab.Options{Arch: goarch, Node: true, Installed: l.program})
	l.keys, l.files = l.registry(), l.everything()
	return l
}

// editions are the two packages of an architecture.
func editions(t *testing.T, a arch) (older, newer edition) {
	t.Helper()
	if os.Getenv(newerVariable) == "" {
		const older, newer = "0.0.8", "0.1.0-rc.1" // what is no release replaces the one before, too
		msi := packagesOf(t, a, older, newer)
		return edition{msi[older], older}, edition{msi[newer], newer}
	}
	in := func(folder string) edition {
		found, err := filepath.Glob(filepath.Join(folder, "cpx-bridge-*-"+a.name+".msi"))
		if err != nil || len(found) != 1 {
			t.Fatalf("packages in %q: %q, %v", folder, found, err)
		}
		_, version, _ := strings.Cut(strings.TrimSuffix(filepath.Base(found[0]), "-"+a.name+".msi"), "cpx-bridge-")
		return edition{found[0], version}
	}
	return in(os.Getenv(olderVariable)), in(os.Getenv(newerVariable))
}

// step is one case, which begins where the one before it ended. It is not tried where one
// that it needs did not pass.
func (l *life) step(t *testing.T, name string, needs []string, try func(t *testing.T)) {
	t.Helper()
	l.good[name] = t.Run(name, func(t *testing.T) {
		l.windows.t = t
		l.world.For(t)
		for _, needed := range needs {
			if !l.good[needed] {
				t.Skipf("it needs %q, which did not pass", needed)
			}
		}
		try(t)
		if t.Skipped() {
			t.Fatal("a step of a life is never skipped")
		}
	})
	l.windows.t = t
	l.world.For(t)
}

// The names of cases that others need.
const (
	installs = "portals by properties"
	upgrades = "upgrade while agents run"
)

func (l *life) plays(t *testing.T) {
	l.step(t, "a wrong portal is mended", nil, l.refusesBad)
	l.step(t, installs, nil, l.installs)
	l.step(t, "login", []string{installs}, l.logsIn)
	l.step(t, "opens from the Start menu", []string{installs}, l.opensFromMenu)
	l.step(t, "an older version is refused", []string{installs}, l.refusesOlder)
	l.step(t, "repair", []string{installs}, l.repairs)
	l.step(t, "settings by a later installation", []string{installs}, l.changes)
	l.step(t, "removal leaves nothing", []string{installs}, l.removed)
	l.step(t, "settings taken back by an upgrade", nil, l.withdrawn)
	l.step(t, upgrades, nil, l.upgraded)
	l.step(t, "removal ends all agents", []string{upgrades}, l.removedWhileItRuns)
	l.step(t, "agents come back after an upgrade", nil, l.comeBack)
	l.step(t, "the other architecture replaces it", nil, l.replaced)
}

// bad are values that are told by a look at the property alone.
var bad = []string{"ORIGINS=http://portail.example.fr", "ORIGINS=portail.example.fr", "MODE=open", "LANG=de", "WSS=yes", "AUTOSTART=no"}

// refusesBad: what no agent would start with is not installed, and nothing of it stays.
func (l *life) refusesBad(t *testing.T) {
	for _, value := range bad {
		l.msiexec(fatal, "/i", z(l.newer.path), value)
	}
	// Wine says ERROR_FUNCTION_FAILED, 1627, of an action that failed, where Windows says 1603.
	l.msiexecs([]int{fatal, 1627 & 0xff}, "/i", z(l.newer.path), "ORIGINS=https://portail.example.fr/path")
	same(t, "registry", l.keys, l.registry())
	same(t, "files", l.files, l.everything())
}

// properties are the properties of the first installation.
var properties = []string{"ORIGINS=" + windowslab.Site + ";https://*.groupement.example.fr", "LANG=fr"}

func (l *life) installs(t *testing.T) {
	l.msiexec(0, append([]string{"/i", z(l.newer.path)}, properties...)...)
	l.says(0, l.newer.version, "version")
	l.settled(t)
}

// settled: what was given is the machine's policy, browsers follow it beside others', and the
// agent starts with the desktop.
func (l *life) settled(t *testing.T) {
	t.Helper()
	l.says(0, `["`+windowslab.Site+`", "https://*.groupement.example.fr"]`, "policy")
	l.says(0, `SOFTWARE\CPxBridge\Settings\origins\mode`, "policy")
	all := strings.Join(l.registry(), "\n")
	for _, want := range []string{windowslab.Site + ":443", "https://autre.example.fr", `"` + strings.TrimSuffix(l.program, ".exe") + `w.exe" run --supervise --quiet`,
		`EventMessageFile    REG_EXPAND_SZ    %SystemRoot%\System32\EventCreate.exe`} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
}

// signsIn is a person's sign-in: Windows starts what its Run key holds. wine does so for 64
// bits alone; the other's line is run as it stands.
func (l *life) signsIn() error {
	if l.arch.name == "x64" {
		return l.Command("wineboot").Run() // no output of its own, which the agent would hold open
	}
	out, err := l.Command("reg", "query", `HKLM\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Run`, "/v", "CPxBridge").Output()
	if err != nil {
		return err
	}
	_, line, _ := strings.Cut(strings.TrimSpace(string(out)), `"`)
	program, args, _ := strings.Cut(line, `"`)
	return l.Command(program, strings.Fields(args)...).Start()
}

func (l *life) serves(t *testing.T, start func() error) {
	t.Helper()
	if err := l.world.Serves(start); err != nil {
		t.Fatal(err)
	}
}

// asks is a login, of an agent of this version.
func (l *life) asks(t *testing.T, version string) {
	t.Helper()
	if got := l.world.LogsIn(); !strings.HasSuffix(got, "/"+version) && !t.Failed() {
		t.Errorf("an agent of version %q logged in, want %q", got, version)
	}
}

func (l *life) logsIn(t *testing.T) {
	l.serves(t, l.signsIn)
	l.asks(t, l.newer.version)
	l.world.Refuses("https://refuse.example.fr")
	l.says(0, "", "quit")
	hasEnded(t, "the agent", l.world.Ended())
}

// opensFromMenu opens the shortcut as Windows does. wine has it in the person's own menu, for
// it knows no other.
func (l *life) opensFromMenu(t *testing.T) {
	l.serves(t, func() error {
		return l.Command("start", `C:\users\root\AppData\Roaming\Microsoft\Windows\Start Menu\Programs\CPx Bridge.lnk`).Run()
	})
	l.says(0, "", "quit")
	hasEnded(t, "the agent", l.world.Ended())
}

func (l *life) refusesOlder(*testing.T) {
	l.msiexec(fatal, "/i", z(l.older.path))
	l.says(0, l.newer.version, "version")
}

func (l *life) repairs(t *testing.T) {
	if err := os.Remove(l.Path(l.folder + "/cpx-agentw.exe")); err != nil {
		t.Fatal(err)
	}
	l.msiexec(0, "/i", z(l.newer.path), "REINSTALL=ALL", "REINSTALLMODE=amus") // what /fa stands for, which wine does not know
	if _, err := os.Stat(l.Path(l.folder + "/cpx-agentw.exe")); err != nil {
		t.Errorf("repaired: %v", err)
	}
	l.settled(t)
}

// changes gives others in the place of some, by installing the same package once more. That
// one is taken back wine does not show so: it looks at no component's condition anew.
func (l *life) changes(t *testing.T) {
	install := func(changed ...string) {
		l.msiexec(0, append([]string{"/i", z(l.newer.path), "REINSTALL=ALL", "REINSTALLMODE=omus"}, changed...)...)
	}
	install("ORIGINS=https://autre.example.fr", "LANG=en", "WSS=1")
	l.says(0, `["https://autre.example.fr"]`, "policy")
	if all := strings.Join(l.registry(), "\n"); strings.Contains(all, windowslab.Site) || !strings.Contains(all, "enabled    REG_DWORD    0x1") {
		t.Errorf("another portal, and WSS=1:\n%s", all)
	}
	install(properties...)
	l.settled(t)
}

// withdrawn: "-" takes the portals back, and with them the mode that they stood for: nobody
// would be allowed otherwise.
func (l *life) withdrawn(t *testing.T) {
	l.msiexec(0, append([]string{"/i", z(l.older.path)}, properties...)...)
	l.settled(t)
	// A group policy that was bad before is none of the package's.
	policy := func(args ...string) {
		if out, err := l.Command("reg", append(args, "/f")...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	policy("add", `HKLM\SOFTWARE\Policies\CPxBridge`, "/v", "lang", "/d", "de")
	l.says(2, `Policies\CPxBridge\lang`, "policy")
	l.msiexec(0, "/i", z(l.newer.path), "ORIGINS=-", "LANG=-", "AUTOSTART=0")
	l.says(0, l.newer.version, "version")
	policy("delete", `HKLM\SOFTWARE\Policies\CPxBridge`)
	all := strings.Join(l.registry(), "\n")
	if strings.Contains(all, "portail.example.fr") || strings.Contains(all, `CPxBridge\Settings`) || strings.Contains(all, "cpx-agentw.exe") {
		t.Errorf("ORIGINS=- LANG=- AUTOSTART=0:\n%s", all)
	}
	l.removed(t)
}

func (l *life) removed(t *testing.T) {
	l.msiexec(0, "/x", z(l.newer.path))
	l.world.Forgets()
	same(t, "registry", l.keys, l.registry())
	same(t, "files", l.files, l.everything())
}

// upgraded replaces the program under an agent that runs: it ends, and the new one is there
// without a restart of Windows, with the settings of before.
func (l *life) upgraded(t *testing.T) {
	l.msiexec(0, append([]string{"/i", z(l.older.path)}, properties...)...)
	l.serves(t, l.signsIn)
	l.asks(t, l.older.version)
	ended := l.world.Ended()
	// What is refused takes nothing away that is there, nor ends anything.
	l.msiexec(fatal, "/i", z(l.newer.path), bad[0])
	l.says(0, l.older.version, "version")
	l.msiexec(0, "/i", z(l.newer.path))
	hasEnded(t, "the agent of the older version", ended)
	l.says(0, l.newer.version, "version")
	l.settled(t)
}

// comeBack removes the older package as Windows does within an upgrade, with the property by
// which a package knows that another one follows. wine gives none: in its upgrades the older
// one takes leave for good, and no agent comes back.
func (l *life) comeBack(t *testing.T) {
	l.msiexec(0, append([]string{"/i", z(l.older.path)}, properties...)...)
	l.serves(t, l.signsIn)
	l.asks(t, l.older.version)
	ended := l.world.Ended()
	l.msiexec(0, "/x", z(l.older.path), "UPGRADINGPRODUCTCODE={00000000-0000-0000-0000-000000000001}")
	hasEnded(t, "the agent of the older version", ended)
	l.serves(t, func() error {
		l.msiexec(0, append([]string{"/i", z(l.newer.path)}, properties...)...)
		return nil
	})
	l.asks(t, l.newer.version)
	if all := strings.Join(l.registry(), "\n"); strings.Contains(all, `CPxBridge\Resume`) {
		t.Errorf("the sessions are still remembered:\n%s", all)
	}
}

// replaced: one architecture's package goes where the other's is installed, to which the
// settings pass.
func (l *life) replaced(t *testing.T) {
	l.msiexec(0, append([]string{"/i", z(l.newer.path)}, properties...)...)
	first, was := *l, l.Path(l.folder+"/cpx-agent.exe")
	l.arch, l.newer = l.other, l.othersNewer
	l.folder, l.program = l.other.installed()
	l.msiexec(0, "/i", z(l.newer.path))
	if _, err := os.Stat(was); !os.IsNotExist(err) {
		t.Errorf("the program that was replaced: %v", err)
	}
	l.says(0, l.newer.version, "version")
	l.settled(t)
	// And back, as Windows does it: what one entered for browsers the other takes away.
	l.msiexec(0, "/x", z(l.newer.path), "UPGRADINGPRODUCTCODE={00000000-0000-0000-0000-000000000001}")
	l.arch, l.newer = first.arch, first.newer
	l.folder, l.program = l.arch.installed()
	l.msiexec(0, append([]string{"/i", z(l.newer.path)}, properties...)...)
	l.removed(t)
}

func (l *life) removedWhileItRuns(t *testing.T) {
	l.serves(t, l.signsIn)
	l.asks(t, l.newer.version)
	ended := l.world.Ended()
	l.removed(t)
	hasEnded(t, "the agent of a program that was removed", ended)
	if remaining := l.world.Processes(); len(remaining) > 0 {
		t.Errorf("processes %v of a removed program", remaining)
	}
}

// everything is files, sorted.
func (l *life) everything() []string { return slices.Sorted(slices.Values(l.windows.files())) }
