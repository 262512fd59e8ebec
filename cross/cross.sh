#!/usr/bin/env bash
# `make cross`: the program for 64-bit Arm boards, built on a PC, into dist/.
#
#   cross/cross.sh              two builds that serve all boards
#   cross/cross.sh rpi4         the build of one board, by boards/rpi4.toml
#
# docs/adr/0008-cross-builds.md says why with zig and against glibc 2.27.
set -eu
cd "$(dirname "$0")/.."
self=cross
. cross/toolchain.sh

# Prints the Arm architecture of a board: its own, or what it inherits.
arm_arch() {
    local board="$1" found
    while [ -n "$board" ] && [ -f "boards/$board.toml" ]; do
        found=$(sed -n 's/^arm_arch *= *"\([^"]*\)".*/\1/p' "boards/$board.toml")
        [ -z "$found" ] || { echo "$found"; return; }
        board=$(sed -n 's/^inherits *= *"\([^"]*\)".*/\1/p' "boards/$board.toml")
    done
}

# Size, the libraries that it loads, and the newest glibc that it asks for.
describe() {
    local libraries newest
    libraries=$(readelf -d "$1" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | tr '\n' ' ')
    newest=$(readelf -V "$1" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
    say "$1: $(wc -c <"$1") bytes; loads $libraries; asks for $newest"
}

# Whether a program is newer than everything that it is made of, so that `make package` and `make
# test-arm` do not build again what `make cross` has built. A new compiler is not noticed: `rm -r
# dist` then. Cargo knows as much, but forgets the one build when it makes the other.
is_fresh() {
    local of="Cargo.toml Cargo.lock build.rs src vendor models boards launcher cross/cross.sh"
    of="$of cross/toolchain.sh cross/requirements.txt"
    # shellcheck disable=SC2086
    [ -x "$1" ] && [ -z "$(find $of -type f -newer "$1" -print -quit)" ]
}

build() {
    local name="$1" arch="$2"
    if is_fresh "dist/outpost-$name"; then
        say "dist/outpost-$name is newer than its sources"
        describe "dist/outpost-$name"
        return
    fi
    say "$name: for $arch, $target, glibc $glibc"
    OUTPOST_CPU="$arch" CARGO_PROFILE_RELEASE_STRIP=symbols \
        zigbuild zigbuild --locked --release --target "$target.$glibc" --bin outpost
    mkdir -p dist
    cp "$build_folder/$target/release/outpost" "dist/outpost-$name"
    describe "dist/outpost-$name"
}

# The launcher, which is the same for every board.
build_launcher() {
    if ! is_fresh dist/outpost-launcher-aarch64; then
        say "the launcher: $target, glibc $glibc"
        CARGO_PROFILE_RELEASE_STRIP=symbols zigbuild zigbuild --locked --release \
            --target "$target.$glibc" --package outpost-launcher
        mkdir -p dist
        cp "$build_folder/$target/release/outpost-launcher" dist/outpost-launcher-aarch64
    fi
    describe dist/outpost-launcher-aarch64
}

board="${1:-}"
if [ -n "$board" ]; then
    [ -f "boards/$board.toml" ] || fail "BOARD=$board: no such board; there are:
  $(cd boards && echo *.toml | sed 's/\.toml//g')"
    arch=$(arm_arch "$board")
    [ -n "$arch" ] || fail "BOARD=$board: its profile names no arm_arch; use cargo build"
fi
cross/setup.sh packages
install_zig
install_std
if [ -n "$board" ]; then
    build "$board" "$arch"
else
    build armv8-a armv8-a
    build armv8.2-a-dotprod-fp16 armv8.2-a+dotprod+fp16
    build_launcher
fi
