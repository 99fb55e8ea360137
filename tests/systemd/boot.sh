#!/bin/bash
# Boots systemd as PID 1 of a machine that is this one, with all that is written thrown away.
#
#   boot.sh VENV UNITS WORK CGROUP
#
# The root is an overlay of /, with VENV (if any) at /opt/scand, and UNITS (a folder) in place of the units
# that the machine has. WORK becomes a tmpfs that only the machine sees; CGROUP is its, and exists.
# The network is shared, so that a carrier in a test is found on the loopback address.
set -euo pipefail

export VENV=$1 UNITS=$2 WORK=$3
echo $BASHPID > "$4/cgroup.procs"
# Whatever becomes of the test, the machine does not outlive it.
exec setpriv --pdeathsig=KILL unshare --pid --fork --kill-child=KILL --mount --uts --ipc --cgroup --propagation private \
    /bin/bash -euc '
mount -t tmpfs tmpfs "$WORK"
root=$WORK/root
mkdir "$WORK"/{upper,work,root}
mount -t overlay overlay -o "lowerdir=/,upperdir=$WORK/upper,workdir=$WORK/work" "$root"

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"

# Without the units of this machine; their targets are reached at once.
system=$root/run/systemd/system
rm -rf "$root"/{etc/systemd/system,var/log/journal,opt/scand}
mkdir -p "$root"/{run/lock,etc/systemd/system} "$system"
if [ -n "$VENV" ]; then
    mkdir "$root/opt/scand"
    mount --bind -o ro "$VENV" "$root/opt/scand"
fi
cp -r "$UNITS/." "$system"
echo 0123456789abcdef0123456789abcdef > "$root/etc/machine-id"
echo machine > "$root/etc/hostname"

cd "$root"
mkdir -p mnt/old
pivot_root . mnt/old
umount -l /mnt/old
mount --make-rshared /  # or systemd cannot hand out credentials
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=test \
    SYSTEMD_GENERATOR_PATH= \
    SYSTEMD_UNIT_PATH=/etc/systemd/system.control:/etc/systemd/system:/run/systemd/system:/run/systemd/transient \
    /lib/systemd/systemd --system --unit=machine.target --log-target=journal-or-kmsg --show-status=0 \
    < /dev/null
'
