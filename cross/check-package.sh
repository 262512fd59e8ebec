#!/usr/bin/env bash
# check-package.sh FILE ARCHITECTURE: looks into a Debian package without installing or starting
# anything of it. `make package` does so with each that it makes.
set -euo pipefail
package=$1
architecture=$2
case $architecture in
    amd64) machine="Advanced Micro Devices X86-64" ;;
    arm64) machine=AArch64 ;;
    *) echo "check-package: $architecture: allowed are amd64 and arm64" >&2; exit 2 ;;
esac
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
faults=0
fault() {
    echo "check-package: $package: $*" >&2
    faults=$((faults + 1))
}

field() {
    dpkg-deb --field "$package" "$1"
}
[ "$(field Package)" = outpost ] || fault "it is called $(field Package)"
[ "$(field Architecture)" = "$architecture" ] ||
    fault "it is for $(field Architecture), not for $architecture"
field Version | grep -q '^[0-9]' || fault "its version is '$(field Version)'"
for need in libc6 adduser; do
    field Depends | grep -qw "$need" || fault "it does not depend on $need"
done

dpkg-deb --raw-extract "$package" "$folder/all"
for script in postinst prerm postrm; do
    [ -x "$folder/all/DEBIAN/$script" ] || fault "no script $script"
done
while read -r mode path; do
    found=$(stat -c %a "$folder/all/$path" 2> /dev/null || echo missing)
    [ "$found" = "$mode" ] || fault "$path: $found, wanted is mode $mode"
done << END
755 usr/bin/outpost
755 usr/bin/outpost-launcher
644 lib/systemd/system/outpost.service
644 usr/share/doc/outpost/install.md
644 usr/share/doc/outpost/fleet.md
644 usr/share/outpost/adapters/edge-operator.gguf
644 usr/share/bash-completion/completions/outpost
END
ls "$folder"/all/usr/share/man/man1/outpost.1* > /dev/null 2>&1 || fault "no manual page"
dpkg-deb --contents "$package" > "$folder/list"
awk '$2 != "root/root" { print $6 ": belongs to " $2 }
     substr($1, 9, 1) == "w" || $1 ~ /[sS]/ { print $6 ": its mode is " $1 }' \
    "$folder/list" > "$folder/wrong"
while read -r wrong; do
    fault "$wrong"
done < "$folder/wrong"

# What the service starts is there, and is for this processor.
for program in $(grep -o '/usr/bin/[a-z-]*' "$folder/all/lib/systemd/system/outpost.service" |
    sort -u) /usr/bin/outpost; do
    header=$(readelf -h "$folder/all$program" 2> /dev/null || true)
    found=$(sed -n 's/^ *Machine: *//p' <<< "$header")
    [ "$found" = "$machine" ] || fault "$program is for '$found', not for $machine"
done
[ "$faults" -eq 0 ] || exit 1
echo "check-package: $package is for $architecture, and whole"
