package attack

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/cpx-bridge/cpx-bridge/internal/lab/stack"
)

func line19() []Attack {
	return []Attack{{Line: 19, Title: "what its installation leaves to whoever reads the person's files", Empty: true, Play: localCertificate}}
}

// localCertificate installs the certificate on a desktop of its own with a real keyring
// and a browser's store, and looks for what could be misused before and after its removal.
func localCertificate(w *World, r *Record) error {
	for _, program := range []string{"dbus-run-session", "gnome-keyring-daemon", "certutil"} {
		if _, err := exec.LookPath(program); err != nil {
			return Missing(program + " is not installed (packages dbus-daemon, gnome-keyring, libnss3-tools)")
		}
	}
	home := filepath.Join(w.Dir, "home")
	database := filepath.Join(home, ".pki", "nssdb")
	if err := os.MkdirAll(database, 0o700); err != nil {
		return err
	}
	var err error
	w.Stack, err = stack.Prepare(w.Context, stack.Options{
		Dir: w.Dir, Bin: w.Bin, AgentOnly: true, AutoPIN: settle, Settings: "[wss]\nenabled = true\n",
		Extra: map[string]string{"HOME": home, "XDG_DATA_HOME": filepath.Join(home, ".local", "share")},
	})
	if err != nil {
		return err
	}
	const mark = "CPX-MARK\n"
	agent := fmt.Sprintf("%s/cpx-agent wss %%s --config %s", w.Bin, w.Path("agent.toml"))
	script := strings.Join([]string{
		"set -e", "certutil -N -d sql:" + database + " --empty-password",
		"printf secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null",
		fmt.Sprintf(agent, "install"), "printf " + strings.TrimSpace(mark) + `'\n'`,
		"certutil -L -d sql:" + database, "printf " + strings.TrimSpace(mark) + `'\n'`,
		`name=$(certutil -L -d sql:` + database + ` | sed -n 's/ *C,,.*$//p')`, `certutil -L -d sql:` + database + ` -n "$name" -a`,
		"printf " + strings.TrimSpace(mark) + `'\n'`,
		"grep -rl 'PRIVATE KEY' " + home + " " + w.Path("state") + " || true", "certutil -K -d sql:" + database + " || true",
		"printf " + strings.TrimSpace(mark) + `'\n'`,
		fmt.Sprintf(agent, "remove"), "printf " + strings.TrimSpace(mark) + `'\n'`, "certutil -L -d sql:" + database,
	}, "\n")
	cmd := exec.CommandContext(w.Context, "dbus-run-session", "--", "sh", "-c", script)
	cmd.Env = w.Env()
	out, err := cmd.CombinedOutput()
	parts := strings.Split(string(out), mark)
	if err != nil || len(parts) != 6 {
		return fmt.Errorf("the desktop: %w\n%s", err, out)
	}
	trusted, authority, secrets, after := parts[1], parts[2], parts[3], parts[5]
	r.Check(strings.Contains(trusted, "C,,"), "wss install", "the browser's store trusts an authority for servers")
	block, _ := pem.Decode([]byte(authority))
	if block == nil {
		return fmt.Errorf("no certificate in %q", authority)
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return err
	}
	constrained := ca.PermittedDNSDomainsCritical && len(ca.PermittedDNSDomains) == 1 && ca.PermittedDNSDomains[0] == "localhost" &&
		len(ca.PermittedIPRanges) == 2 && only(ca.PermittedIPRanges, "127.0.0.1", "::1") && ca.MaxPathLenZero
	r.Check(constrained, "the authority", "names %v %v, critical: %v, authorities below: %v", ca.PermittedDNSDomains, ca.PermittedIPRanges, ca.PermittedDNSDomainsCritical, !ca.MaxPathLenZero)
	keys := strings.Contains(secrets, "PRIVATE") || strings.Contains(secrets, home) || strings.Contains(secrets, "rsa ") || strings.Contains(secrets, "ec ")
	r.Check(!keys, "a private key in a file or in the browser's store", "found: %v %s", keys, strings.TrimSpace(secrets))
	r.Check(!strings.Contains(after, "C,,") && !strings.Contains(after, "CPx"), "wss remove", "the store has %q", strings.Join(strings.Fields(after), " "))
	remaining := w.certificates(home)
	r.Check(remaining == "", "files after the removal", "certificates in %q", remaining)
	return nil
}

func only(ranges []*net.IPNet, addresses ...string) bool {
	for _, n := range ranges {
		ones, bits := n.Mask.Size()
		if ones != bits || n.IP.String() != addresses[0] && n.IP.String() != addresses[1] {
			return false
		}
	}
	return true
}

// certificates are the files of a person that hold one in PEM.
func (w *World) certificates(home string) (list string) {
	for _, dir := range []string{home, w.Path("state")} {
		_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return nil
			}
			text, err := os.ReadFile(path)
			if err == nil && strings.Contains(string(text), "BEGIN CERTIFICATE") {
				list += path + " "
			}
			return nil
		})
	}
	return list
}
