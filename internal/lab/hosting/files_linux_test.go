package hosting

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
)

// TestUnit: systemd understands every line of the service, and finds little left to confine.
func TestUnit(t *testing.T) {
	analyze := need.Program(t, "systemd-analyze")
	unit := filepath.Join(t.TempDir(), "cpx-portal.service")
	write(t, unit, shipped(t, "cpx-portal.service", "/usr/local/bin/cpx-portal", need.Program(t, "true")))
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", unit).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	// In tenths: 0 is confined wholly, 100 not at all. What is left is the network, of which a
	// portal needs that part.
	if out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--threshold=13", unit).CombinedOutput(); err != nil {
		t.Errorf("security: %v\n%s", err, out)
	}
}

// TestContainerfile: the image has the portal alone, as a user without rights, and takes what
// it copies from the release's archive. It is not built here: that needs a registry.
func TestContainerfile(t *testing.T) {
	instructions := map[string][]string{}
	for line := range strings.Lines(shipped(t, "Containerfile")) {
		if name, rest, found := strings.Cut(strings.TrimSpace(line), " "); found && name != "#" {
			instructions[name] = append(instructions[name], rest)
		}
	}
	want := map[string][]string{
		"FROM":       {"docker.io/library/debian:12-slim"},
		"COPY":       {"--chmod=0755 cpx-portal /usr/local/bin/cpx-portal", "LICENSE LICENSES.txt /usr/share/doc/cpx-portal/"}, // in TestPortalArchive
		"USER":       {"64242:64242"},
		"VOLUME":     {`["/var/lib/cpx-portal"]`},
		"EXPOSE":     {"8443"},
		"STOPSIGNAL": {"SIGTERM"},
		"ENTRYPOINT": {`["/usr/local/bin/cpx-portal"]`},
		"CMD":        {`["serve", "--config", "/etc/cpx-portal/portal.toml"]`},
	}
	for name, lines := range instructions {
		if !slices.Equal(lines, want[name]) {
			t.Errorf("%s %q", name, lines)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}
