#!/usr/bin/env bash
# `make test-package`: measures the unit, installs the packages of dist/ in Debian roots of their
# own, and runs the program there as its user. Needs root; roots are kept below the target folder.
set -euo pipefail
cd "$(dirname "$0")/.."

target="${CARGO_TARGET_DIR:-target}"
say() { printf 'test-package: %s\n' "$*"; }
fail() { say "$*"; exit 1; }
[ "$(id -u)" -eq 0 ] || fail "debootstrap and chroot need root: sudo make test-package"

missing=""
command -v debootstrap >/dev/null || missing="$missing debootstrap"
command -v systemd-analyze >/dev/null || missing="$missing systemd"
[ -x /usr/bin/qemu-aarch64-static ] || missing="$missing qemu-user-static"
if [ -n "$missing" ]; then
    say "installing$missing"
    apt-get update -q
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
fi

# The unit may do little: at most 2.0 of 10.
systemd-analyze security --offline=yes --no-pager --threshold=20 cross/outpost.service |
    tail -n 1 || fail "the unit is exposed by more than 2.0"

# root ARCHITECTURE: a Debian root, made once.
root() {
    local folder="$target/debian-$1"
    if [ ! -e "$folder/done" ]; then
        rm -rf "$folder"
        say "making a Debian root for $1"
        local mirror
        # The mirror of this machine, wherever its apt has it written; none is debootstrap's own.
        mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list* 2>/dev/null |
            sed -n '1p' || true)
        debootstrap --arch="$1" --variant=minbase --include=adduser,systemd,init-system-helpers \
            bookworm "$folder" ${mirror:+"${mirror% }"} > "$target/debootstrap-$1.log" ||
            fail "debootstrap ended badly: $(tail -n 3 "$target/debootstrap-$1.log")"
        touch "$folder/done"
    fi
}

# Lets the kernel start Arm programs, which the mind's process needs: a program under qemu alone
# cannot start itself again. With F qemu is opened now, so that it need not be in the root.
register_arm() {
    local folder=/proc/sys/fs/binfmt_misc
    [ "$(uname -m)" != aarch64 ] || return 0
    [ -e "$folder/register" ] || mount -t binfmt_misc none "$folder" ||
        fail "this kernel has no binfmt_misc, so the arm64 package cannot be tried here"
    [ -e "$folder/qemu-aarch64" ] && return 0
    say "registering qemu-aarch64-static with binfmt_misc"
    local magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
    local mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
    printf ':qemu-aarch64:M::%s:%s:/usr/bin/qemu-aarch64-static:F' "$magic" "$mask" \
        > "$folder/register"
}

# inside COMMAND...: in the root of $arch, with /proc and without the network's services.
inside() {
    local folder="$target/debian-$arch"
    unshare --mount --fork sh -c 'mount -t proc proc "$0/proc" 2>/dev/null ||
        mount --rbind /proc "$0/proc"; mount --rbind /dev "$0/dev"; exec chroot "$0" "$@"' \
        "$folder" "$@"
}

expect() {
    local what="$1"
    shift
    "$@" || fail "$arch: this does not hold: $what"
    say "$arch: $what"
}

refuse() { ! "$@" >/dev/null 2>&1; }

# The package in a root: what installs, what runs, what an upgrade and a purge leave.
try() {
    local package="$1" folder="$target/debian-$arch"
    cp "$package" "$folder/outpost.deb"
    inside dpkg --purge outpost >/dev/null 2>&1 || true
    expect "installs" inside dpkg -i /outpost.deb
    expect "has its user" inside id outpost
    expect "has its groups" inside getent group dialout video gpio i2c
    expect "owns its state" \
        test "$(inside stat -c %U:%G:%a /var/lib/outpost)" = outpost:outpost:750
    expect "has a sound unit" inside systemd-analyze verify /lib/systemd/system/outpost.service
    expect "is wanted at boot" \
        test -L "$folder/etc/systemd/system/multi-user.target.wants/outpost.service"
    expect "says what it is" inside runuser -u outpost -- outpost version
    expect "has the launcher, which says what it needs" \
        test "$(inside outpost-launcher 2>&1 | head -n 1)" = \
        "outpost-launcher: --slots is missing"
    expect "knows the board" inside runuser -u outpost -- outpost board
    expect "writes a configuration" inside outpost init
    expect "accepts it" inside runuser -u outpost -- outpost check
    expect "writes no second one" refuse inside outpost init
    expect "upgrades, and leaves the configuration" inside dpkg -i /outpost.deb
    expect "has the configuration still" test -s "$folder/etc/outpost/outpost.toml"
    expect "runs the demo without a model" \
        inside runuser -u outpost -- outpost demo --headless --hours 1 --no-mind --json
    if models=$(ls -d "${OUTPOST_MODELS:-${XDG_CACHE_HOME:-$HOME/.cache}/outpost/models}"); then
        install -d -o root "$folder/models"
        cp "$models"/*-q4_0.gguf "$folder/models/"
        expect "runs the demo with the model" inside runuser -u outpost -- \
            env OUTPOST_MODELS=/models outpost demo --headless --hours 1 --json
    fi
    expect "is purged" inside dpkg --purge outpost
    expect "leaves nothing" refuse ls -d "$folder/etc/outpost" "$folder/var/lib/outpost"
}

tried=0
for package in dist/outpost_*_amd64.deb dist/outpost_*_arm64.deb; do
    [ -e "$package" ] || continue
    arch=${package##*_}
    arch=${arch%.deb}
    [ "$arch" = amd64 ] || register_arm
    root "$arch"
    try "$package"
    tried=$((tried + 1))
done
[ "$tried" -gt 0 ] || fail "no package in dist/: make package"
[ -e "$(echo dist/outpost_*_arm64.deb | head -n 1)" ] ||
    say "the arm64 package was NOT tried: there is none"
say "$tried package(s) tried"
