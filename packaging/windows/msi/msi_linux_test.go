package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// TestProductVersion: what comes before a release is replaced by it, and replaces the
// release before.
func TestProductVersion(t *testing.T) {
	for version, want := range map[string]string{
		"0.1.0": "0.1.0", "1.2.3": "1.2.3", "1.2.3+build": "1.2.3", "1.2.3-rc.1": "1.2.2", "0.1.0-dev+0123456789ab": "0.0.65535",
		"2.0.0-dev": "1.255.65535", "0.0.0-dev": "0.0.0", "1.256.0": "", "1.2": "", "": "",
	} {
		if got, err := productVersion(version); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v, want %q", version, got, err, want)
		}
	}
}

// builds makes both packages of programs that need not run, and returns their folder.
func builds(t *testing.T, version string) string {
	t.Helper()
	for _, program := range []string{"wixl", "msibuild", "msiinfo", "faketime"} {
		need.Program(t, program)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	programs, out := t.TempDir(), t.TempDir()
	for _, a := range architectures {
		dir := filepath.Join(programs, a.programs)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"cpx-agent.exe", "cpx-agentw.exe", "LICENSES.txt"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("TEST "+name), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := build(a, version, dir, out); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// table is a table of a package, without its three lines of names and types.
func table(t *testing.T, msi, name string) []string {
	t.Helper()
	out, err := exec.Command("msiinfo", "export", msi, name).CombinedOutput()
	if err != nil {
		t.Fatalf("msiinfo export %s: %v: %s", name, err, out)
	}
	lines := strings.Split(strings.ReplaceAll(strings.TrimRight(string(out), "\r\n"), "\r", ""), "\n")
	return lines[min(3, len(lines)):]
}

// TestTables reads the tables as Windows does: what wixl drops or writes wrong without a
// word is there as it has to be.
func TestTables(t *testing.T) {
	out := builds(t, "1.2.3")
	for _, a := range architectures {
		msi := filepath.Join(out, "cpx-bridge-1.2.3-"+a.name+".msi")
		wide := map[string]string{"x64": "324", "x86": "68"}[a.name] // 4 a registry value, 64 conditions anew, 256 of 64 bits
		for name, want := range map[string][]string{
			"Upgrade": {upgradeCode + "\t0.0.0\t1.2.3\t\t769\t\tWIX_UPGRADE_DETECTED", upgradeCode + "\t1.2.3\t\t\t2\t\tWIX_DOWNGRADE_DETECTED"},
			"CustomAction": {
				"KeepOrigins\t51\tORIGINS\t[WASORIGINS]\t", "KeepMode\t51\tMODE\t[WASMODE]\t", "KeepLang\t51\tLANG\t[WASLANG]\t",
				"KeepWSS\t51\tWSS\t1\t", "KeepAutostart\t51\tAUTOSTART\t[WASAUTOSTART]\t",
				"TakeOrigins\t51\tORIGINS\t[OTHERORIGINS]\t", "TakeMode\t51\tMODE\t[OTHERMODE]\t", "TakeLang\t51\tLANG\t[OTHERLANG]\t",
				"TakeWSS\t51\tWSS\t1\t", "TakeAutostart\t51\tAUTOSTART\t[OTHERAUTOSTART]\t", "ListedMode\t51\tMODE\tlisted\t",
				// 18 a program that is installed, 1024 deferred, 256 to undo, 2048 as SYSTEM, 64 whatever comes of it
				"ResumeBack\t3410\tagentw\trun --resume\t",
				"EndForUpgrade\t3154\tagentw\tquit --everyone --upgrade\t", "EndForGood\t3154\tagentw\tquit --everyone\t",
				"BrowsersOff\t3154\tagentw\tpolicy browsers --remove --write\t", "CheckSettings\t3090\tagentw\tpolicy --setup\t",
				"BrowsersOn\t3154\tagentw\tpolicy browsers --allowed --write\t", "Resume\t3154\tagentw\trun --resume\t",
			},
			"File": {"agent\tAgent\tcpx-agent.exe\t18\t1.2.3.0\t\t512\t1", "agentw\tAgentW\tcpx-agentw.exe\t19\t1.2.3.0\t\t512\t2", "licences\tLicences\tLICENSES.txt\t17\t\t\t512\t3"},
		} {
			if got := table(t, msi, name); !slices.Equal(got, want) {
				t.Errorf("%s, %s:\n%s\nwant\n%s", a.name, name, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		for _, want := range []string{
			"REINSTALLMODE\tamus",
			"SecureCustomProperties\tWIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED",
			"UpgradeCode\t" + upgradeCode,
		} {
			if got := table(t, msi, "Property"); !slices.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", a.name, want, strings.Join(got, "\n"))
			}
		}
		// Once on SYSTEM's side, and not on that of whoever opened the package.
		if got := strings.Join(table(t, msi, "InstallUISequence"), "\n"); strings.Contains(got, "AppSearch") || !strings.Contains(got, "ExecuteAction") {
			t.Errorf("%s: at the person's side:\n%s", a.name, got)
		}
		own, other := "\t18", "\t2" // 2 a value as it stands, 16 in the half of 64 bits
		if a.name == "x86" {
			own, other = other, own
		}
		searched := table(t, msi, "RegLocator")
		for _, line := range searched {
			if strings.HasPrefix(line, "Was") && !strings.HasSuffix(line, own) || strings.HasPrefix(line, "Other") && !strings.HasSuffix(line, other) {
				t.Errorf("%s: searched in the wrong half: %s", a.name, line)
			}
		}
		if len(searched) != 10 {
			t.Errorf("%s: searched for\n%s", a.name, strings.Join(searched, "\n"))
		}
		if got := table(t, msi, "LaunchCondition"); len(got) != 6 { // a downgrade, and each property
			t.Errorf("%s: launch conditions:\n%s", a.name, strings.Join(got, "\n"))
		}
		for _, want := range []string{"EventMessageFile\t#%%SystemRoot%\\System32\\EventCreate.exe\tEventSource", "TypesSupported\t#7\tEventSource"} {
			if got := table(t, msi, "Registry"); !slices.ContainsFunc(got, func(line string) bool {
				return strings.HasSuffix(line, "\t2\t"+`SYSTEM\CurrentControlSet\Services\EventLog\Application\CPxBridge`+"\t"+want)
			}) {
				t.Errorf("%s: no %q in\n%s", a.name, want, strings.Join(got, "\n"))
			}
		}
		var order []string
		for _, line := range table(t, msi, "InstallExecuteSequence") {
			action, rest, _ := strings.Cut(line, "\t")
			_, number, _ := strings.Cut(rest, "\t")
			order = append(order, strings.Repeat("0", 5-len(number))+number+" "+action)
		}
		slices.Sort(order)
		for _, pair := range [][2]string{{"AppSearch", "KeepOrigins"}, {"KeepOrigins", "CostInitialize"}, {"TakeMode", "ListedMode"}, {"KeepOrigins", "TakeOrigins"}, {"ListedMode", "CostInitialize"}, {"InstallInitialize", "RemoveExistingProducts"},
			{"RemoveExistingProducts", "ProcessComponents"}, {"ResumeBack", "EndForUpgrade"}, {"EndForUpgrade", "RemoveFiles"}, {"EndForGood", "BrowsersOff"}, {"BrowsersOff", "RemoveRegistryValues"},
			{"WriteRegistryValues", "CheckSettings"}, {"CheckSettings", "BrowsersOn"}, {"BrowsersOn", "Resume"}, {"Resume", "InstallFinalize"}} {
			at := func(action string) int {
				return slices.IndexFunc(order, func(o string) bool { return strings.HasSuffix(o, " "+action) })
			}
			if before, after := at(pair[0]), at(pair[1]); before < 0 || after < 0 || before >= after {
				t.Errorf("%s: %s does not come before %s in\n%s", a.name, pair[0], pair[1], strings.Join(order, "\n"))
			}
		}
		for _, line := range table(t, msi, "Component") {
			fields := strings.Split(line, "\t")
			condition := ""
			if conditions[fields[0]] != "" {
				condition = conditionOf(fields[0])
			}
			if fields[4] != condition || condition != "" && fields[3] != wide {
				t.Errorf("%s: component %q", a.name, fields)
			}
		}
		if summary, err := exec.Command("msiinfo", "suminfo", msi).CombinedOutput(); err != nil || !strings.Contains(string(summary), "Template: "+a.template) || !strings.Contains(string(summary), "2023") {
			t.Errorf("%s: %v: %s", a.name, err, summary)
		}
	}
}

// TestSameBytes: the same programs, version and time give the same package, and another
// version another product of the same family.
func TestSameBytes(t *testing.T) {
	first, second, other := builds(t, "1.2.3"), builds(t, "1.2.3"), builds(t, "1.2.4")
	for _, a := range architectures {
		read := func(dir, version string) []byte {
			text, err := os.ReadFile(filepath.Join(dir, "cpx-bridge-"+version+"-"+a.name+".msi"))
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		if !slices.Equal(read(first, "1.2.3"), read(second, "1.2.3")) {
			t.Errorf("%s: twice, and not the same bytes", a.name)
		}
		product := func(dir, version string) string {
			for _, line := range table(t, filepath.Join(dir, "cpx-bridge-"+version+"-"+a.name+".msi"), "Property") {
				if code, found := strings.CutPrefix(line, "ProductCode\t"); found {
					return code
				}
			}
			return ""
		}
		if is, next := product(first, "1.2.3"), product(other, "1.2.4"); is == "" || is == next {
			t.Errorf("%s: products %s and %s", a.name, is, next)
		}
	}
}

// TestNothingDropped: what wixl does not know it drops with a warning, which is an error here.
func TestNothingDropped(t *testing.T) {
	whole := source
	t.Cleanup(func() { source = whole })
	source = strings.Replace(whole, "<MajorUpgrade ", `<MajorUpgrade Schedule="afterInstallInitialize" `, 1)
	for _, program := range []string{"wixl", "msibuild", "faketime"} {
		need.Program(t, program)
	}
	dir := t.TempDir()
	for _, name := range []string{"cpx-agent.exe", "cpx-agentw.exe", "LICENSES.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := build(architectures[0], "1.2.3", dir, t.TempDir()); err == nil || !strings.Contains(err.Error(), "Schedule") {
		t.Errorf("%v", err)
	}
}
