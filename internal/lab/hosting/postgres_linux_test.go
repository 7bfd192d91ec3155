package hosting

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/need"
	"github.com/cpx-bridge/cpx-bridge/internal/lab/postgres"
)

// nobody is the account that PostgreSQL runs as here, since it refuses to be root's.
const nobody = 65534

// TestHostedOnPostgreSQL: the service reaches a database on its machine by the socket, as the
// account that it is, without a password, whatever the unit takes away from it.
func TestHostedOnPostgreSQL(t *testing.T) {
	need.File(t, "/usr/lib/systemd/systemd")
	if postgres.Bin() == "" {
		need.Lacks(t, "PostgreSQL")
	}
	if os.Geteuid() != 0 {
		t.Skip("systemd as process 1 of namespaces needs root: run as root to test the service")
	}
	h := newHosted(t)
	h.makeDatabase(t)
	settings := filepath.Join(h.dir, "etc", "portal.toml")
	text, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	const file = `database = "/var/lib/cpx-portal/portal.db"`
	if !strings.Contains(string(text), file) {
		t.Fatalf("%s", text)
	}
	write(t, settings, strings.Replace(string(text), file, `database = "postgres:///cpx-portal?host=/run/postgresql"`, 1))
	h.boot(t)
	h.proxy(t)
	if response, body := h.login(t, h.browser(t), h.good, h.origin()); response.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", response.Status, body)
	}
}

// makeDatabase makes a cluster in which the account cpx-portal has a database of its own, and
// nobody gets in but as the account that the kernel says (pg_hba.conf: peer).
func (h *hosted) makeDatabase(t *testing.T) {
	t.Helper()
	folder := filepath.Join(h.dir, "postgres")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(folder, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	as := func(stdin, program string, args ...string) {
		t.Helper()
		run := exec.CommandContext(t.Context(), filepath.Join(postgres.Bin(), program), args...)
		run.Dir, run.Stdin = "/", strings.NewReader(stdin)
		run.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if out, err := run.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", program, err, out)
		}
	}
	as("", "initdb", "-D", folder, "-U", "postgres", "--auth=peer", "--no-sync", "-E", "UTF8", "--locale=C")
	as("CREATE ROLE \"cpx-portal\" LOGIN;\nCREATE DATABASE \"cpx-portal\" OWNER \"cpx-portal\";\n", "postgres", "--single", "-D", folder, "postgres")
}
