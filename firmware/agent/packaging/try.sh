#!/bin/sh
# Installs, removes and purges the package in a folder of its own with an empty list of packages, and looks at what is left.
# usage: try.sh PACKAGE.deb [EMULATOR...], which runs the programs of a package for another processor
set -eu
package=$(realpath "$1")
shift
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
fail() { echo "error: $*" >&2; exit 1; }

mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/etc"
: > "$root/var/lib/dpkg/status"
printf 'root:x:0:0:root:/root:/bin/sh\n' > "$root/etc/passwd"
printf 'root:x:0:\nvideo:x:44:\ndialout:x:20:\n' > "$root/etc/group"
in_root() {
    dpkg --root="$root" --force-architecture --force-script-chrootless --force-depends --force-not-root --force-bad-path "$@" > "$root/dpkg.log" 2>&1 ||
        { cat "$root/dpkg.log"; fail "dpkg $*"; }
}

in_root --install "$package"
for file in usr/bin/skueye usr/lib/systemd/system/skueye.service usr/lib/udev/rules.d/70-skueye.rules \
    etc/skueye/kiosk.toml usr/share/doc/skueye/examples/kiosk.toml usr/share/doc/skueye/copyright \
    usr/share/bash-completion/completions/skueye usr/share/zsh/vendor-completions/_skueye \
    usr/share/fish/vendor_completions.d/skueye.fish usr/share/man/man1/skueye.1.gz usr/share/man/man1/skueye-run.1.gz; do
    [ -e "$root/$file" ] || fail "$file is not in the package"
done
"$@" "$root/usr/bin/skueye" --version
"$@" "$root/usr/bin/skueye" config check "$root/etc/skueye/kiosk.toml"
"$@" "$root/usr/bin/skueye" config check "$root/usr/share/doc/skueye/examples/kiosk.toml"
grep -q '^skueye:' "$root/etc/passwd" || fail "the user is missing"
grep -q '^dialout:.*skueye' "$root/etc/group" || fail "the user may not use serial ports"
grep -q kiosk.toml "$root/var/lib/dpkg/info/skueye.conffiles" || fail "the settings would be written over by an update"
bash -n "$root/usr/share/bash-completion/completions/skueye"
if command -v man > /dev/null; then
    man --local-file --warnings "$root/usr/share/man/man1/skueye-run.1.gz" 2>&1 > /dev/null | grep . && fail "the man page"
fi
if command -v systemd-analyze > /dev/null; then
    # The unit names the program where the package puts it, which this machine does not have.
    sed "s|/usr/bin/skueye|$root/usr/bin/skueye|" "$root/usr/lib/systemd/system/skueye.service" > "$root/skueye.service"
    said=$(systemd-analyze verify --man=no "$root/skueye.service" 2>&1 | grep skueye.service || true)
    [ -z "$said" ] || fail "systemd-analyze verify: $said"
    systemd-analyze security --offline=yes --threshold=30 --no-pager "$root/skueye.service" | tail -1
fi

# Settings that were changed stay, as does what the device has learnt.
echo '# mine' >> "$root/etc/skueye/kiosk.toml"
mkdir -p "$root/var/lib/skueye/log"
echo line > "$root/var/lib/skueye/log/file"
in_root --install --force-confold "$package"
grep -q '# mine' "$root/etc/skueye/kiosk.toml" || fail "an update has written over the settings"
in_root --remove skueye
[ ! -e "$root/usr/bin/skueye" ] || fail "the program is still there"
[ -e "$root/var/lib/skueye/log/file" ] || fail "removing has taken the device's data"
[ -e "$root/etc/skueye/kiosk.toml" ] || fail "removing has taken the settings"
in_root --purge skueye
left=$(cd "$root" && find . -type f -path '*skueye*' ! -name skueye.service)
[ -z "$left" ] || fail "purging has left $left"
echo "installed, updated, removed and purged"
