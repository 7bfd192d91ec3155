package packages

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// debian is the .deb in a clean Debian, whose OpenSC reads such a card.
func debian(name, suite, card string) System {
	w := &debianWorld{suite: suite, card: card}
	return System{Name: name, Open: w.open, Cases: []Case{
		{Name: "package is clean", Try: w.lint},
		{Name: "installs with what it needs", Try: w.resolves},
		{Name: "a wrong portal is mended", Try: w.wrong},
		{Name: "portals by preseed", Try: w.preseeded},
		{Name: "login", Needs: []string{"portals by preseed"}, Try: w.login},
		{Name: "upgrade while agents run", Try: w.upgrade},
		{Name: "settings are the administrator's", Needs: []string{"upgrade while agents run"}, Try: w.edited},
		{Name: "removal ends all agents", Needs: []string{"upgrade while agents run"}, Try: w.remove},
		{Name: "installed again", Needs: []string{"removal ends all agents"}, Try: w.reinstall},
		{Name: "purge leaves nothing", Needs: []string{"installed again"}, Try: w.purge},
		{Name: "/tmp is noexec", Try: w.noexec},
		{Name: "agents in containers go on", Try: w.container},
		{Name: "a root without /proc", Try: w.withoutProc},
		{Name: "an upgrade asks nothing", Try: w.unattended},
	}}
}

// debianWorld is where the cases of one Debian happen, one after the other.
type debianWorld struct {
	suite, card string
	deb, older  string
	files       Files
	root        *root
	before      string // what was in the root before the package
	first       *person
	second      *person
}

func (w *debianWorld) open(ctx context.Context, files Files) (func() error, error) {
	w.files = files
	var err1, err2 error
	w.deb, err1 = one(files.Dist, "cpx-bridge_*_amd64.deb")
	w.older, err2 = one(files.Older, "cpx-bridge_*_amd64.deb")
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	base, err := prepared(ctx, w.suite, w.deb)
	if err != nil {
		return nil, err
	}
	if w.root, err = newRoot(base); err != nil {
		return nil, err
	}
	return w.root.close, w.root.begins(ctx, &w.before, w.deb, w.older)
}

// one is the one file of a pattern.
func one(folder, pattern string) (string, error) {
	found, err := filepath.Glob(filepath.Join(folder, pattern))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%d files %s in %s: %q", len(found), pattern, folder, found)
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}

// hospital is what others had in the browsers' policies before the package.
const hospital = `
mkdir -p /etc/chromium/policies/managed /etc/firefox/policies
echo '{"LoopbackNetworkAllowedForUrls": ["https://intranet.example.fr:443"], "HomepageLocation": "https://intranet.example.fr"}' >/etc/chromium/policies/managed/hospital.json
echo '{"policies": {"DisableTelemetry": true}}' >/etc/firefox/policies/policies.json
`

// begins brings the packages, others' policies, and remembers what there is.
func (r *root) begins(ctx context.Context, before *string, packages ...string) error {
	for i, path := range packages {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := []string{"newer", "older"}[i] + filepath.Ext(path)
		if err := os.WriteFile(filepath.Join(r.work, "tmp", name), text, 0o644); err != nil {
			return err
		}
	}
	if err := r.peopled(ctx); err != nil {
		return err
	}
	if _, err := r.sh(ctx, hospital); err != nil {
		return err
	}
	var err error
	*before, err = r.everything(ctx)
	return err
}

// everything is a line for each file of the root but for those of people, of logs and of
// the packagers' own, with the sums of those in /etc.
func (r *root) everything(ctx context.Context) (string, error) {
	return r.sh(ctx, `
find / -xdev \( -path /proc -o -path /dev -o -path /sys -o -path /tmp -o -path /run -o -path /home -o -path /var/log -o -path /var/cache \
	-o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/lib/rpm -o -path /root -o -path /var/mail -o -name '*passwd*' -o -name '*shadow*' \
	-o -name 'group*' -o -name 'gshadow*' -o -name 'sub[ug]id*' \) -prune -o -printf '%y %m %u:%g %p %l\n' | sort
find /var/lib/dpkg/info | sort
find /etc -type f -exec sha256sum {} + | grep -v -e /passwd -e shadow -e /group -e /sub | sort -k 2
grep -l cpx-bridge /var/cache/debconf/*.dat /var/lib/dpkg/status || true`)
}

// added are the lines of after that are not in before, and those that are gone.
func added(before, after string) error {
	was, is := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(before) {
		was[line] = true
	}
	var text strings.Builder
	for line := range strings.Lines(after) {
		is[line] = true
		if !was[line] {
			text.WriteString("+ " + line)
		}
	}
	for line := range strings.Lines(before) {
		if !is[line] {
			text.WriteString("- " + line)
		}
	}
	if text.Len() > 0 {
		return errors.New("not as it was before the package:\n" + text.String())
	}
	return nil
}

// lint has Debian's own checkers read the package.
func (w *debianWorld) lint(ctx context.Context) error {
	folder := filepath.Join(w.root.work, "unpacked")
	unpack := exec.CommandContext(ctx, "dpkg-deb", "-x", w.deb, folder)
	if out, err := unpack.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	lintian := []string{"lintian", "--allow-root", "--pedantic", "--display-info", "--fail-on", "error,warning,info,pedantic", w.deb}
	return errors.Join(
		quiet(ctx, lintian...),
		quiet(ctx, "sh", "-ec", `cd "$0"
appstreamcli validate --no-net --pedantic usr/share/metainfo/*.xml
desktop-file-validate usr/share/applications/*.desktop etc/xdg/autostart/*.desktop
bash -n usr/share/bash-completion/completions/cpx-agent
zsh -n usr/share/zsh/vendor-completions/_cpx-agent
fish -n usr/share/fish/vendor_completions.d/cpx-agent.fish
for page in usr/share/man/man1/cpx-agent.1.gz usr/share/man/fr/man1/cpx-agent.1.gz; do
	said=$(LC_ALL=C.UTF-8 MANROFFSEQ= man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null)
	[ -z "$said" ] || { echo "$page: $said"; exit 1; }
	man -l "$page" | grep -q cpx-agent
done`, folder),
	)
}

// quiet runs a program of this system whose output is shown where it fails.
func quiet(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", args[0], err, lastLines(out, 30))
	}
	return err
}

// resolves installs the package where nothing of what it needs is installed yet, without a
// network: apt chooses from Debian's own lists.
func (w *debianWorld) resolves(ctx context.Context) (err error) {
	base, err := plain(ctx, w.suite, w.deb)
	if err != nil {
		return err
	}
	r, err := newRoot(base)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	var before string
	if err := r.begins(ctx, &before, w.deb); err != nil {
		return err
	}
	_, err = r.sh(ctx, `
apt-get -y install /tmp/newer.deb
! ldd /usr/bin/cpx-agent | grep 'not found'
cpx-agent version
test ! -e /etc/cpx-bridge
dpkg-query -W pcscd opensc-pkcs11
ls /usr/bin/pinentry-*
apt-get -y purge cpx-bridge
test -z "$(find / -xdev -path /proc -prune -o -path /tmp -prune -o -path /var/log -prune -o -name '*cpx*' -print)"`)
	return err
}

// answer is what a preseed says.
func answer(portals string) string {
	return "echo 'cpx-bridge cpx-bridge/origins string " + portals + "' | debconf-set-selections\n"
}

// wrong gives an answer that is no portal: nothing is written, the message says what to do,
// and doing it mends the package, which can also be removed as it is.
func (w *debianWorld) wrong(ctx context.Context) error {
	for _, portal := range []string{"http://portail.example.fr", `https://portail.example.fr"] # x`, "portail.example.fr", "https://*"} {
		out, err := w.root.sh(ctx, answer(portal)+"! apt-get -y install /tmp/newer.deb\ntest ! -e /etc/cpx-bridge")
		if err != nil || !strings.Contains(out, "debconf-set-selections") || !strings.Contains(out, portal) {
			return fmt.Errorf("%s: %w\n%s", portal, err, lastLines([]byte(out), 20))
		}
	}
	_, err := w.root.sh(ctx, "! dpkg --configure -a\n"+answer(Portal)+`
dpkg --configure cpx-bridge
grep -q '"`+Portal+`"' /etc/cpx-bridge/policy.toml
apt-get -y purge cpx-bridge
`+answer("x")+`
! apt-get -y install /tmp/newer.deb
apt-get -y purge cpx-bridge`)
	return errors.Join(err, w.asBefore(ctx))
}

// asBefore is an error where the root is not as it was before the package.
func (w *debianWorld) asBefore(ctx context.Context) error {
	after, err := w.root.everything(ctx)
	if err != nil {
		return err
	}
	return added(w.before, after)
}

// preseeded installs it with its answers: the policy says what they say, and the browsers
// too, beside others' entries.
func (w *debianWorld) preseeded(ctx context.Context) error {
	_, err := w.root.sh(ctx, answer("https://autre.example.fr")+`
echo 'cpx-bridge cpx-bridge/mode select nonsense' | debconf-set-selections # as good as none: the default
apt-get -y install /tmp/newer.deb
`+answer("x")+`
dpkg-reconfigure -f noninteractive cpx-bridge 2>&1 | grep -F '  dpkg-reconfigure -f noninteractive cpx-bridge'
grep -q autre.example.fr /etc/cpx-bridge/policy.toml
dpkg-query -W -f '${db:Status-Status}' cpx-bridge | grep -qx installed
`+answer(Portal+", https://*.groupement.example.fr")+`
dpkg-reconfigure -f noninteractive cpx-bridge
! grep -rq autre.example.fr /etc/cpx-bridge /etc/opt /etc/chromium /etc/firefox
cpx-agent policy | grep -q '^origins.mode  *"listed"  */etc/cpx-bridge/policy.toml'
cpx-agent policy | grep -F 'origins.allow' | grep -F '["`+Portal+`", "https://*.groupement.example.fr"]'
test "$(stat -c '%a %U:%G' /etc/cpx-bridge/policy.toml)" = '644 root:root'
grep -q portail.example.fr:443 /etc/chromium/policies/managed/hospital.json
grep -q intranet.example.fr:443 /etc/chromium/policies/managed/hospital.json
grep -q portail.example.fr:443 /etc/opt/chrome/policies/managed/cpx-bridge.json
grep -q portail.example.fr:443 /etc/opt/edge/policies/managed/cpx-bridge.json
grep -q '"portail.example.fr"' /etc/firefox/policies/policies.json`)
	return err
}

// login logs a person in through the program as it was installed, with the module that apt
// brought along.
func (w *debianWorld) login(ctx context.Context) error {
	if _, err := w.root.sh(ctx, "sed -i '1i "+answering+"' /etc/cpx-bridge/policy.toml"); err != nil {
		return err
	}
	p, err := newPerson(ctx, w.root, "anne", w.card)
	if err != nil {
		return err
	}
	w.first = p
	if err := p.starts(ctx); err != nil {
		return err
	}
	if _, err := p.logsIn(ctx); err != nil {
		return err
	}
	if out, err := p.sh(ctx, "/tmp/login https://autre.example.fr $HOME/card/ca 2>&1 || true"); err != nil || !strings.Contains(out, "403") {
		return fmt.Errorf("a site that is not listed: %s %w", out, err)
	}
	return p.quits(ctx)
}

// upgrade replaces an older version while the agents of two people run, which goes on
// without anybody's noticing.
func (w *debianWorld) upgrade(ctx context.Context) error {
	if _, err := w.root.sh(ctx, "dpkg --purge cpx-bridge\n"+answer(Portal)+`
apt-get -y install /tmp/older.deb
cpx-agent version | grep -q `+OlderVersion+`
sed -i '1i `+answering+` # ours' /etc/cpx-bridge/policy.toml
echo 'Hidden=false' >>/etc/xdg/autostart/cpx-bridge.desktop`); err != nil {
		return err
	}
	var err error
	if w.first == nil {
		if w.first, err = newPerson(ctx, w.root, "anne", w.card); err != nil {
			return err
		}
	}
	if w.second, err = newPerson(ctx, w.root, "paul", w.card); err != nil {
		return err
	}
	return upgrades(ctx, w.root, func() error {
		_, err := w.root.sh(ctx, "apt-get -y install /tmp/newer.deb")
		return err
	}, w.first, w.second)
}

// upgrades has people's agents go on while their program is replaced, all of their version,
// and be of the new version once they are started anew: the first by going over, the others by
// quitting.
func upgrades(ctx context.Context, r *root, replace func() error, people ...*person) error {
	var running []string
	for _, p := range people {
		if err := p.starts(ctx); err != nil {
			return err
		}
		version, err := p.logsIn(ctx)
		if err != nil || !strings.Contains(version, OlderVersion) {
			return fmt.Errorf("before the upgrade %s has %q: %w", p.name, version, err)
		}
		pids, err := p.agents(ctx)
		if err != nil {
			return err
		}
		running = append(running, pids)
	}
	if _, err := r.sh(ctx, "sha256sum /etc/cpx-bridge/policy.toml >/tmp/policy.sum"); err != nil {
		return err
	}
	if err := replace(); err != nil {
		return err
	}
	if _, err := r.sh(ctx, `
sha256sum --check --status /tmp/policy.sum
! cpx-agent version | grep -q `+OlderVersion); err != nil {
		return err
	}
	for i, p := range people {
		version, err := p.logsIn(ctx)
		if err != nil || !strings.Contains(version, OlderVersion) {
			return fmt.Errorf("after the upgrade, with the agent from before it, %s has %q: %w", p.name, version, err)
		}
		if pids, err := p.agents(ctx); err != nil || !contains(pids, running[i]) {
			return fmt.Errorf("%s had the processes %s and has %s: %w", p.name, running[i], pids, err)
		}
		if err := p.expectImages(ctx, true); err != nil {
			return err
		}
	}
	for i, p := range people {
		var err error
		if i == 0 {
			err = p.restarts(ctx)
		} else {
			err = errors.Join(p.quits(ctx), p.starts(ctx))
		}
		if err != nil {
			return err
		}
		version, err := p.logsIn(ctx)
		if err != nil || strings.Contains(version, OlderVersion) {
			return fmt.Errorf("started anew %s has %q: %w", p.name, version, err)
		}
		if err := p.expectImages(ctx, false); err != nil {
			return err
		}
	}
	return nil
}

// contains reports whether every word of some is one of all.
func contains(all, some string) bool {
	for word := range strings.FieldsSeq(some) {
		if !strings.Contains(" "+all+" ", " "+word+" ") {
			return false
		}
	}
	return true
}

// edited: neither answers nor an upgrade change what an administrator wrote.
func (w *debianWorld) edited(ctx context.Context) error {
	out, err := w.root.sh(ctx, `
grep -q '# ours' /etc/cpx-bridge/policy.toml
grep -q '^Hidden=false' /etc/xdg/autostart/cpx-bridge.desktop
`+answer("https://autre.example.fr")+`
dpkg-reconfigure -f noninteractive cpx-bridge
sha256sum --check --status /tmp/policy.sum`)
	if err == nil && !strings.Contains(out, "was edited") {
		err = fmt.Errorf("nothing says that the answers do not count: %s", out)
	}
	return err
}

// remove ends the agents of all people and takes our entries away; the policy stays, as
// settings do.
func (w *debianWorld) remove(ctx context.Context) error {
	if _, err := w.root.sh(ctx, `
apt-get -y remove cpx-bridge
test -e /etc/cpx-bridge/policy.toml
test ! -e /etc/cpx-bridge/browsers.json
test ! -e /etc/opt/chrome
! grep -r portail.example.fr /etc/chromium /etc/firefox`); err != nil {
		return err
	}
	return allEnded(ctx, w.first, w.second)
}

// allEnded is an error where a person's agent goes on.
func allEnded(ctx context.Context, people ...*person) error {
	for _, p := range people {
		if pids, err := p.agents(ctx); err != nil || pids != "" {
			return fmt.Errorf("%s still has the processes %s: %w", p.name, pids, err)
		}
	}
	return nil
}

// reinstall: where it was removed and comes back, the policy that stayed counts.
func (w *debianWorld) reinstall(ctx context.Context) error {
	_, err := w.root.sh(ctx, `
apt-get -y install /tmp/newer.deb
sha256sum --check --status /tmp/policy.sum
grep -q portail.example.fr:443 /etc/opt/chrome/policies/managed/cpx-bridge.json`)
	return err
}

func (w *debianWorld) purge(ctx context.Context) error {
	if _, err := w.root.sh(ctx, "apt-get -y purge cpx-bridge"); err != nil {
		return err
	}
	return w.asBefore(ctx)
}
