package packages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// rpmInDebian is the .rpm, installed by this system's rpm into a clean Debian that has
// what it needs: what its scripts and its program do there. What Fedora's dnf resolves is
// not seen.
func rpmInDebian() System {
	w := &rpmWorld{}
	return System{Name: "rpm", Open: w.open, Cases: []Case{
		{Name: "needs what it is linked with", Try: w.needs},
		{Name: "portals by the policy", Try: w.policy},
		{Name: "upgrade while agents run", Try: w.upgrade},
		{Name: "removal ends all agents", Needs: []string{"upgrade while agents run"}, Try: w.erase},
	}}
}

type rpmWorld struct {
	rpm, older string
	root       *root
	before     string
}

func (w *rpmWorld) open(ctx context.Context, files Files) (func() error, error) {
	if _, err := exec.LookPath("rpm"); err != nil {
		return nil, fmt.Errorf("%w: rpm is missing: scripts/setup packages installs it", ErrNotHere)
	}
	var err1, err2, err3 error
	w.rpm, err1 = one(files.Dist, "cpx-bridge-*.x86_64.rpm")
	w.older, err2 = one(files.Older, "cpx-bridge-*.x86_64.rpm")
	deb, err3 := one(files.Dist, "cpx-bridge_*_amd64.deb") // which says what the Debian has to have
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	base, err := prepared(ctx, "bookworm", deb)
	if err != nil {
		return nil, err
	}
	if w.root, err = newRoot(base); err != nil {
		return nil, err
	}
	if _, err := w.run(ctx, "--initdb"); err != nil {
		return nil, errors.Join(err, w.root.close())
	}
	// Where there is RPM the system has these.
	if _, err := w.root.sh(ctx, "mkdir -p /usr/share/licenses /usr/share/metainfo"); err != nil {
		return nil, errors.Join(err, w.root.close())
	}
	return w.root.close, w.root.begins(ctx, &w.before, w.rpm, w.older)
}

// run runs this system's rpm on the root.
func (w *rpmWorld) run(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// Debian's rpm has its database in the home of who calls it.
	all := append([]string{"rpm", "--root", w.root.path("/"), "--dbpath", "/var/lib/rpm"}, args...)
	out, err := w.root.beside(ctx, nil, all...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("rpm %s: %w\n%s", strings.Join(args, " "), err, lastLines(out, 30))
	}
	return string(out), err
}

// file is a package's path, as rpm sees it.
func (w *rpmWorld) file(name string) string { return w.root.work + "/tmp/" + name + ".rpm" }

// needs compares what the package requires with what its program is linked with, and with
// the symbols of the C library that it uses.
func (w *rpmWorld) needs(ctx context.Context) error {
	required, err := w.run(ctx, "-qp", "--requires", w.file("newer"))
	if err != nil {
		return err
	}
	if _, err := w.run(ctx, "-i", "--nodeps", w.file("newer")); err != nil {
		return err
	}
	out, err := w.root.beside(ctx, nil, "objdump", "-p", w.root.path("/usr/bin/cpx-agent")).Output()
	if err != nil {
		return err
	}
	newest, most := "", 0
	for line := range bytes.Lines(out) {
		fields := strings.Fields(string(line))
		switch {
		case len(fields) == 2 && fields[0] == "NEEDED" && fields[1] != "libc.so.6":
			if !strings.Contains(required, fields[1]+"()(64bit)\n") {
				err = errors.Join(err, fmt.Errorf("%s is needed and not required", fields[1]))
			}
		case len(fields) == 4 && strings.HasPrefix(fields[3], "GLIBC_2."):
			var minor int
			if n, _ := fmt.Sscanf(fields[3], "GLIBC_2.%d", &minor); n == 1 && minor > most {
				newest, most = fields[3], minor
			}
		}
	}
	if !strings.Contains(required, "libc.so.6("+newest+")(64bit)\n") {
		err = errors.Join(err, fmt.Errorf("%s is needed; required are %s", newest, required))
	}
	for line := range strings.Lines(required) {
		if name, _, ok := strings.Cut(line, "()(64bit)"); ok {
			_, there := w.root.sh(ctx, "ldconfig -p | grep -qF '"+name+" '")
			err = errors.Join(err, there)
		}
	}
	_, erased := w.run(ctx, "-e", "cpx-bridge")
	return errors.Join(err, erased, w.asBefore(ctx))
}

func (w *rpmWorld) asBefore(ctx context.Context) error {
	after, err := w.root.everything(ctx)
	if err != nil {
		return err
	}
	return added(w.before, after)
}

// policy installs it where the policy lies already, as a management tool puts it there:
// the browsers follow it. After a change they do on a command.
func (w *rpmWorld) policy(ctx context.Context) error {
	if _, err := w.root.sh(ctx, `
mkdir -p /etc/cpx-bridge
printf '`+answering+`\n[origins]\nmode = "listed"\nallow = ["`+Portal+`"]\n' >/etc/cpx-bridge/policy.toml`); err != nil {
		return err
	}
	if _, err := w.run(ctx, "-i", "--nodeps", w.file("older")); err != nil {
		return err
	}
	_, err := w.root.sh(ctx, `
cpx-agent version | grep -q `+OlderVersion+`
grep -q portail.example.fr:443 /etc/opt/chrome/policies/managed/cpx-bridge.json
grep -q portail.example.fr:443 /etc/chromium/policies/managed/hospital.json
printf '`+answering+`\n[origins]\nmode = "listed"\nallow = ["`+Portal+`", "https://autre.example.fr"]\n' >/etc/cpx-bridge/policy.toml
cpx-agent policy browsers --allowed --write
grep -q autre.example.fr:443 /etc/opt/chrome/policies/managed/cpx-bridge.json`)
	return err
}

// upgrade is Debian's, by rpm.
func (w *rpmWorld) upgrade(ctx context.Context) error {
	anne, err := newPerson(ctx, w.root, "anne", "cps3")
	if err != nil {
		return err
	}
	paul, err := newPerson(ctx, w.root, "paul", "cps3")
	if err != nil {
		return err
	}
	return upgrades(ctx, w.root, func() error { _, err := w.run(ctx, "-U", "--nodeps", w.file("newer")); return err }, anne, paul)
}

// erase ends the agents and leaves nothing but the policy, which is the administrator's.
func (w *rpmWorld) erase(ctx context.Context) error {
	if _, err := w.run(ctx, "-e", "cpx-bridge"); err != nil {
		return err
	}
	remaining, err := w.root.sh(ctx, `
for process in /proc/[0-9]*; do
	case $(readlink "$process/exe") in /usr/bin/cpx-agent*) echo "$process" ;; esac
done
rm -r /etc/cpx-bridge`)
	if err == nil && remaining != "" {
		err = fmt.Errorf("agents go on: %s", remaining)
	}
	return errors.Join(err, w.asBefore(ctx))
}
