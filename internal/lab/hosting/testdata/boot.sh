#!/bin/bash
# boot.sh DIR: systemd as process 1 of namespaces of its own, with one service: the portal as
# a release sets it up. DIR has its parts; what systemd, and the service, write elsewhere goes
# with the namespaces. It ends with the process that calls it.
set -euo pipefail
dir=$1

if [ "${2:-}" != inside ]; then
	# A cgroup of its own, to which the namespace is bound: systemd touches none of the machine's.
	top=/sys/fs/cgroup
	[ "$(stat -f -c %T $top)" = cgroup2fs ] || top=/sys/fs/cgroup/unified
	mkdir "$top/$(basename "$dir")"
	echo $$ >"$top/$(basename "$dir")/cgroup.procs"
	exec unshare --mount --pid --fork --ipc --uts --cgroup --kill-child "$0" "$dir" inside
fi

mount --make-rprivate /
mount -t proc proc /proc
# systemd sets the kernel's own values, some of which are the whole machine's.
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount -t tmpfs tmpfs "$dir/space"
mkdir "$dir/space/upper" "$dir/space/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$dir/space/upper,workdir=$dir/space/work" /etc
for folder in /run /var/lib /usr/local/bin /usr/lib/systemd/system /etc/systemd/system; do
	mount -t tmpfs -o mode=0755 tmpfs "$folder"
done
mount -t cgroup2 cgroup2 /sys/fs/cgroup

# As the document has it.
systemd-sysusers "$dir/cpx-portal.sysusers"
install -m 0755 "$dir/cpx-portal" /usr/local/bin/
install -m 0644 "$dir/cpx-portal.service" /etc/systemd/system/
install -d -m 0750 -g cpx-portal /etc/cpx-portal
install -m 0640 -g cpx-portal "$dir"/etc/* /etc/cpx-portal/

for target in sysinit basic network-online shutdown lab; do
	printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$target" >"/usr/lib/systemd/system/$target.target"
done
echo "Wants=cpx-portal.service" >>/usr/lib/systemd/system/lab.target
mkdir /etc/systemd/system/cpx-portal.service.d
printf '[Service]\nStandardOutput=append:%s/portal.log\nStandardError=inherit\n' "$dir" >/etc/systemd/system/cpx-portal.service.d/log.conf

# PostgreSQL asks the kernel which account is at the other end of its socket, and looks that up here.
if [ -d "$dir/postgres" ]; then
	install -d -o nobody /run/postgresql
	setpriv --reuid nobody --regid nogroup --clear-groups "$POSTGRES/postgres" -D "$dir/postgres" -k /run/postgresql -h '' >"$dir/postgres.log" 2>&1 &
	until "$POSTGRES/pg_isready" -q -h /run/postgresql; do sleep 0.1; done
fi

export container=lab
exec /usr/lib/systemd/systemd --system --unit=lab.target --log-target=console --log-level=notice
