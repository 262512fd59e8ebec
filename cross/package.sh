#!/usr/bin/env bash
# `make package`: a Debian package of each build into dist/. The first argument is the version of
# cargo-deb, which is installed below the target folder.
#
#   dist/outpost_<version>_amd64.deb            this PC's, for trying out: built here for any PC
#   dist/outpost_<version>_arm64.deb            of dist/outpost-armv8-a: every 64-bit Arm board
#   dist/outpost_<version>_arm64-dotprod.deb    of dist/outpost-armv8.2-a-dotprod-fp16: Pi 5, Orin
#
# Each has the launcher too, so that a board with it takes releases over the air.
# The Arm programs are those of `make cross`, which runs first where one is missing or too old.
# OUTPOST_PACKAGE_PROGRAM names a program to pack instead of building one for this PC.
set -euo pipefail
cd "$(dirname "$0")/.."

version="$1"
target="${CARGO_TARGET_DIR:-target}"
tools="$target/tools"
release=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)

say() { printf 'package: %s\n' "$*"; }

if [ "$("$tools/bin/cargo-deb" --version 2>/dev/null)" != "cargo-deb $version" ]; then
    say "installing cargo-deb $version into $tools"
    cargo install --locked --force --root "$tools" --version "$version" cargo-deb
fi
mkdir -p dist

# What a program asks of glibc must be what the package says that it needs.
check_glibc() {
    local newest
    newest=$(readelf -V "$1" | grep -o 'GLIBC_2[0-9.]*' | sort -uV | tail -n 1)
    [ "$(printf 'GLIBC_2.27\n%s\n' "$newest" | sort -V | tail -n 1)" = GLIBC_2.27 ] || {
        say "$1 asks for $newest; the package says 2.27"
        exit 1
    }
}

# put PROGRAM PATH: where cargo-deb looks for it.
put() {
    [ "$1" -ef "$2" ] || install -D -m 0755 "$1" "$2"
}

# pack PROGRAM LAUNCHER TRIPLE NAME [OPTION...]: cargo-deb takes both from where cargo leaves them.
pack() {
    local program="$1" launcher="$2" triple="$3" name="$4"
    local place="$target/$triple/release"
    shift 4
    put "$program" "$place/outpost"
    put "$launcher" "$place/outpost-launcher"
    "$tools/bin/cargo-deb" --no-build --no-strip --locked --target "$triple" "$@" \
        --output "dist/$name.deb"
    case "$triple" in
        aarch64-*) cross/check-package.sh "dist/$name.deb" arm64 ;;
        *) cross/check-package.sh "dist/$name.deb" amd64 ;;
    esac
    say "dist/$name.deb, $(wc -c < "dist/$name.deb") bytes"
}

# describe PROGRAM: manual pages and completions, by a program that this machine can start. They are
# the same for every build.
describe() {
    local share=target/share
    rm -rf "$share/man" "$share/completions"
    mkdir -p "$share/completions"
    "$1" man --output "$share/man/man1"
    "$1" completions bash >"$share/completions/outpost"
    "$1" completions zsh >"$share/completions/_outpost"
    "$1" completions fish >"$share/completions/outpost.fish"
}

host=$(rustc -vV | sed -n 's/^host: //p')
if [ "$(dpkg --print-architecture)" = amd64 ]; then
    program="${OUTPOST_PACKAGE_PROGRAM:-}"
    if [ -z "$program" ]; then
        say "building for any PC with AVX2"
        OUTPOST_CPU=baseline cargo build --release --locked --target "$host"
        program="$target/$host/release/outpost"
    fi
    cargo build --release --locked --target "$host" --package outpost-launcher
    describe "$program"
    pack "$program" "$target/$host/release/outpost-launcher" "$host" "outpost_${release}_amd64"
fi
cross/cross.sh
# An Arm machine has no program for a PC.
[ -n "${program:-}" ] || describe dist/outpost-armv8-a
for build in armv8-a: armv8.2-a-dotprod-fp16:-dotprod; do
    program="dist/outpost-${build%%:*}"
    check_glibc "$program"
    check_glibc dist/outpost-launcher-aarch64
    pack "$program" dist/outpost-launcher-aarch64 aarch64-unknown-linux-gnu \
        "outpost_${release}_arm64${build##*:}" --variant arm64
done
