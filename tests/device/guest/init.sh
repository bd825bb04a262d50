#!/bin/busybox sh
# The first process of the virtual device.
/bin/busybox mkdir -p /bin /sbin /dev /proc /sys /tmp /run /mnt /etc /var/lib/skueye
/bin/busybox --install -s /bin
export PATH=/bin:/sbin:/usr/bin HOME=/
ln -sf /bin/busybox /sbin/modprobe # where the kernel looks for it
if [ -x /lib/systemd/systemd ]; then
    # The first file system cannot be taken from a service's sight. All of it moves to another, where systemd begins.
    mkdir -p /root && mount -t tmpfs -o mode=755 root /root
    for path in /*; do
        case $path in
        /dev | /proc | /root | /run | /sys | /tmp) mkdir "/root$path" ;;
        /bin | /init) ;;
        *) mv "$path" /root/ ;;
        esac
    done
    chmod 1777 /root/tmp
    mv /bin /root/
    exec /root/bin/busybox switch_root /root /lib/systemd/systemd
fi
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
dmesg -n 4
/shell.sh
poweroff -f
