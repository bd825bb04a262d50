#!/bin/busybox sh
# Drivers of virtio, and a shell that the test on the host speaks to.
export PATH=/bin:/sbin:/usr/bin HOME=/
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
