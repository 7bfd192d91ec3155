package packages

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// These cases are what people report of packages that bring an agent along.

// noexec: on hardened machines nothing in /tmp can be started, which is where apt runs the
// questions of packages before it unpacks them. The answers count all the same.
func (w *debianWorld) noexec(ctx context.Context) error {
	mount := func(how string) error {
		out, err := w.root.beside(ctx, nil, "mount", "-o", "remount,bind,"+how, w.root.path("/tmp")).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return err
	}
	if err := mount("noexec"); err != nil {
		return err
	}
	_, err := w.root.sh(ctx, "dpkg --purge cpx-bridge\n"+answer(Portal)+`
! /tmp/login
apt-get -y install /tmp/newer.deb
grep -q '"`+Portal+`"' /etc/cpx-bridge/policy.toml
dpkg --purge cpx-bridge`)
	return errors.Join(err, mount("exec"), w.asBefore(ctx))
}

// container: the processes of containers are seen from the machine that they are on, under
// the same path. Removing the package there ends none of them.
func (w *debianWorld) container(ctx context.Context) error {
	if _, err := w.root.sh(ctx, "dpkg --purge cpx-bridge\n"+answer(Portal)+"apt-get -y install /tmp/newer.deb"); err != nil {
		return err
	}
	inside := w.root.beside(ctx, nil, "unshare", "--mount", "sh", "-ec", `
mkdir "$0"
mount -t tmpfs tmpfs "$0"
cd "$0"
mkdir -p usr/bin lib64 lib/x86_64-linux-gnu old
cp /bin/sleep usr/bin/cpx-agent
cp /lib64/ld-linux-x86-64.so.2 lib64
cp /lib/x86_64-linux-gnu/libc.so.6 lib/x86_64-linux-gnu
pivot_root . old
exec /usr/bin/cpx-agent 600`, filepath.Join(w.root.work, "container"))
	if err := inside.Start(); err != nil {
		return err
	}
	_, err := w.root.sh(ctx, `
inside=
tries=0
while [ -z "$inside" ]; do
	tries=$((tries + 1))
	[ $tries -lt 300 ] || exit 1
	sleep 0.1
	for process in /proc/[0-9]*; do
		[ "$(readlink "$process/exe")" != /usr/bin/cpx-agent ] || inside=${process#/proc/}
	done
done
apt-get -y purge cpx-bridge
kill $inside`)
	_ = inside.Wait() // it was ended by a signal
	return errors.Join(err, w.asBefore(ctx))
}

// withoutProc: images are made in roots where nothing is mounted.
func (w *debianWorld) withoutProc(ctx context.Context) error {
	if out, err := w.root.beside(ctx, nil, "umount", w.root.path("/proc")).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	_, err := w.root.sh(ctx, "dpkg --purge cpx-bridge\n"+answer(Portal)+`
apt-get -y install /tmp/newer.deb
grep -q portail.example.fr:443 /etc/opt/chrome/policies/managed/cpx-bridge.json
apt-get -y purge cpx-bridge`)
	mounted := w.root.beside(ctx, nil, "mount", "-t", "proc", "proc", w.root.path("/proc")).Run()
	return errors.Join(err, mounted, w.asBefore(ctx))
}

// unattended: where an administrator changed the one file of the package's under /etc and
// a later version brings another, an upgrade with nobody there keeps the administrator's,
// by the options that the documents name; a policy never asks. Where the file was deleted it
// stays away, until the option brings it back that the documents name.
func (w *debianWorld) unattended(ctx context.Context) error {
	out, err := w.root.sh(ctx, "dpkg --purge cpx-bridge\n"+answer(Portal)+`
apt-get -y install /tmp/older.deb
echo Hidden=true >>/etc/xdg/autostart/cpx-bridge.desktop
echo '# ours' >>/etc/cpx-bridge/policy.toml
dpkg-deb -R /tmp/newer.deb /tmp/changed
echo X-Changed=true >>/tmp/changed/etc/xdg/autostart/cpx-bridge.desktop
dpkg-deb -b /tmp/changed /tmp/changed.deb
rm -r /tmp/changed
apt-get -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install /tmp/changed.deb </dev/null
grep Hidden=true /etc/xdg/autostart/cpx-bridge.desktop
grep '# ours' /etc/cpx-bridge/policy.toml
rm /etc/xdg/autostart/cpx-bridge.desktop
apt-get -y install --reinstall /tmp/changed.deb </dev/null
[ ! -e /etc/xdg/autostart/cpx-bridge.desktop ]
apt-get -y -o Dpkg::Options::=--force-confmiss install --reinstall /tmp/changed.deb </dev/null
grep X-Changed=true /etc/xdg/autostart/cpx-bridge.desktop
apt-get -y purge cpx-bridge
rm /tmp/changed.deb`)
	if err == nil && strings.Contains(out, "policy.toml ?") {
		err = fmt.Errorf("it asked: %s", out)
	}
	return errors.Join(err, w.asBefore(ctx))
}
