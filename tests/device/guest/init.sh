#!/bin/busybox sh
# The first process of the virtual device: mounts, drivers of virtio, and a shell that the test on the host speaks to.
/bin/busybox mkdir -p /bin /sbin /dev /proc /sys /tmp /run /mnt /etc /var/lib/skueye
/bin/busybox --install -s /bin
export PATH=/bin:/sbin:/usr/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
ln -sf /bin/busybox /sbin/modprobe # where the kernel looks for it
dmesg -n 4
for module in virtio_pci virtio_console; do modprobe "$module"; done
# Ports of virtio have names; the drivers come up beside this script.
mkdir -p /dev/virtio-ports
name_ports() {
    for port in /sys/class/virtio-ports/*/; do
        [ -e "$port/name" ] && ln -sf "/dev/$(basename "$port")" "/dev/virtio-ports/$(cat "$port/name")"
    done
}
until name_ports; [ -e /dev/virtio-ports/control ]; do usleep 20000; done
exec 3<>/dev/virtio-ports/control
echo skueye-guest >&3
while read -r line <&3; do
    echo "$line" | base64 -d >/tmp/.script
    sh /tmp/.script >/tmp/.output 2>&1 </dev/null 3>&-
    echo "$? $(stat -c %s /tmp/.output)" >&3
    cat /tmp/.output >&3
done
poweroff -f
