package command

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cpx-bridge/cpx-bridge/agent/doctor"
	"github.com/cpx-bridge/cpx-bridge/agent/journal"
	"github.com/cpx-bridge/cpx-bridge/internal/dirs"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/workstation"
)

// failedLine is a login that failed, as the log has it.
const failedLine = `time=2026-11-29T05:03:00.000+01:00 level=INFO msg="login failed" origin=https://portail.example.fr allowed=true program=firefox ms=3 code=1201 reason=pin_locked error="the PIN is locked" reference=K7M4PX audit=failed` + "\n"

// withLog writes the log that an agent would have kept.
func withLog(t *testing.T, names ...string) {
	t.Helper()
	dir, err := dirs.State()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(failedLine), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReport: with a real card, the report names neither its holder nor its numbers, and has
// the failure once.
func TestReport(t *testing.T) {
	w := newStation(t, "cps", "expired")
	withLog(t, journal.Name, journal.AuditName)
	cards := w.report(t, exitGood)
	file := filepath.Join(t.TempDir(), "rapport d’essai.txt")
	out, _ := w.cpxAgent(t, exitProblem, "doctor", "--report", file, "--lang", "fr") // no agent runs
	workstation.Contains(t, out, "Rapport écrit dans « "+file+" »")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	workstation.Contains(t, text, "CPx Bridge report 1\n", "[cards/", "CPx Bridge test · TESTOS", "Derniers échecs", "reference=K7M4PX", "origin=site1", "modules = [", "certificate: CPS, usable", "certificate: CPS, expired", "agent: none answers")
	if strings.Count(text, "K7M4PX") != 1 {
		t.Error(text)
	}
	home, _ := os.UserHomeDir()
	host, _ := os.Hostname()
	private := []string{home, "portail.example"}
	if len(host) > 2 {
		private = append(private, host)
	}
	for _, c := range cards.Certificates {
		private = append(private, c.ID[:8], c.Identifier)
		private = append(private, strings.Fields(c.Holder)...)
	}
	for _, what := range private {
		if what != "" && strings.Contains(strings.ToLower(text), strings.ToLower(what)) {
			t.Errorf("%q is in\n%s", what, text)
		}
	}
	out, _ = w.cpxAgent(t, exitProblem, "doctor", "--report", "-", "--with-host", "--lang", "en")
	workstation.Contains(t, out, "CPx Bridge report 1\n", "\nWorkstation: "+host+"\n")
	out, _ = w.cpxAgent(t, exitProblem, "doctor", "--report", file, "--json")
	if !strings.HasPrefix(out, "{") {
		t.Error(out)
	}
}

// TestReportFile: a report replaces one of before and nothing else, is its owner's alone,
// follows no link, and is whole or not there; what is wrong is said.
func TestReportFile(t *testing.T) {
	w := newStation(t)
	dir := t.TempDir()
	file, other, link, target := filepath.Join(dir, "r.txt"), filepath.Join(dir, "other.txt"), filepath.Join(dir, "link.txt"), filepath.Join(dir, "target.txt")
	for range 2 {
		w.cpxAgent(t, exitProblem, "doctor", "--report", file)
		if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 || info.Size() < 500 {
			t.Fatal(info, err)
		}
	}
	if err := os.WriteFile(other, []byte("TEST\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(target, []byte(doctor.BundleMark+"of before"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	w.cpxAgent(t, exitProblem, "doctor", "--report", link)
	if content, err := os.ReadFile(target); err != nil || string(content) != doctor.BundleMark+"of before" {
		t.Errorf("the link was followed: %q %v", content, err)
	}
	disk := filepath.Join(dir, "disk")
	if err := syscall.Mknod(disk, syscall.S_IFBLK|0o600, 0xfff00); err != nil { // without root none can be made
		disk = other
	}
	for _, c := range []struct {
		file, says string
	}{
		{disk, "exists and is no report"}, {other, "exists and is no report"}, {dir, "is a folder"}, {filepath.Join(dir, "none", "r.txt"), "there is no folder “" + filepath.Join(dir, "none")},
	} {
		if _, errs := w.cpxAgent(t, exitUsage, "doctor", "--report", c.file, "--lang", "en"); !strings.Contains(errs, c.says) {
			t.Errorf("%s: %q", c.file, errs)
		}
	}
	if content, err := os.ReadFile(other); err != nil || string(content) != "TEST\n" {
		t.Errorf("%q %v", content, err)
	}
	if _, errs := w.cpxAgent(t, exitFailed, "doctor", "--report", "/dev/full", "--lang", "en"); !strings.Contains(errs, "the disk is full") {
		t.Error(errs)
	}
	w.Settings(t, "lang = 3\n")
	w.cpxAgent(t, exitProblem, "doctor", "--report", file, "--lang", "fr")
	if content, err := os.ReadFile(file); err != nil || !strings.Contains(string(content), "[settings/settings_bad]") {
		t.Errorf("%s %v", content, err)
	}
}

// TestIsReport: what a report of this and of other systems begins with is known, and what
// only looks so is no report.
func TestIsReport(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, doctor.BundleMark + "x": true, byteOrderMark + strings.ReplaceAll(doctor.BundleMark, "\n", "\r\n") + "x": true,
		"CPx Bridge report 12\n": false, "x" + doctor.BundleMark: false, byteOrderMark + "x": false,
	} {
		if isReport(text) != want {
			t.Errorf("%q", text)
		}
	}
}

// TestReportOnAFullDisk: nothing is there in the report's place, and what was there stays.
func TestReportOnAFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		need.Lacks(t, "the right to mount a file system")
	}
	w := newStation(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4k"); err != nil {
		need.Lacks(t, "the right to mount a file system: "+err.Error())
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	before := []byte(doctor.BundleMark)
	if err := os.WriteFile(filepath.Join(dir, "r.txt"), before, 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs := w.cpxAgent(t, exitFailed, "doctor", "--report", filepath.Join(dir, "r.txt"), "--lang", "en")
	if !strings.Contains(errs, "the disk is full") {
		t.Error(errs)
	}
	var names []string
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		if !d.IsDir() {
			names = append(names, d.Name())
		}
		return nil
	})
	if content, err := os.ReadFile(filepath.Join(dir, "r.txt")); err != nil || string(content) != string(before) || !slices.Equal(names, []string{"r.txt"}) {
		t.Errorf("%q %v %q", content, err, names)
	}
}

// TestFindReference: what a person reads out finds the failure, and what is not there is said
// with how far the log goes back.
func TestFindReference(t *testing.T) {
	w := newStation(t)
	if _, errs := w.cpxAgent(t, exitProblem, "doctor", "--reference", "K7M4PX", "--lang", "en"); !strings.Contains(errs, "there is no log in") {
		t.Error(errs)
	}
	withLog(t, "audit-2026-11-29T05-00-00.000.log") // agent.log was set aside long ago
	for _, said := range []string{"K7M4PX", "k7m 4px", "K7N-4TX"} {
		out, errs := w.cpxAgent(t, exitGood, "doctor", "--reference", said)
		if strings.Count(out, "\n") != 1 || errs != "" || strings.Contains(out, "portail") {
			t.Errorf("%s: %q %q", said, out, errs)
		}
		workstation.Contains(t, out, "login failed origin=site1", "code=1201 reason=pin_locked", "reference=K7M4PX")
	}
	if out, errs := w.cpxAgent(t, exitProblem, "doctor", "--reference", "R4W9HK", "--lang", "en"); out != "" || !strings.Contains(errs, "no failure R4W9HK in the log, which goes back to 2026-11-29") {
		t.Errorf("%q %q", out, errs)
	}
	for _, wrong := range [][]string{{"--reference", "Élodie"}, {"--report", "-", "--json"}, {"--report", "x", "--identity"}, {"--with-host"}} {
		w.cpxAgent(t, exitUsage, append([]string{"doctor"}, wrong...)...)
	}
}
