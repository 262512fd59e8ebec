#!/usr/bin/env bash
# Makes a fresh Debian or Raspberry Pi OS ready: what the build needs, the program, the model.
# `make setup` calls it; a run with nothing to do ends at once.
#
#   cross/setup.sh release   for `make demo`: the program as it is shipped
#   cross/setup.sh dev       for `make test`: the program of the tests, and a real broker
#   cross/setup.sh packages  only what the system lacks
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# Adds a package to the list of missing ones.
missing=""
need() { missing="$missing $1"; }

has_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] && return 0
    # bindgen needs the library and the headers of the compiler it belongs to.
    local library header
    for library in /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*/libclang*.so* \
        /usr/lib/libclang*.so* /usr/local/lib/libclang*.so*; do
        [ -e "$library" ] || continue
        for header in /usr/lib/llvm-*/lib/clang/*/include/stddef.h \
            /usr/lib/clang/*/include/stddef.h /usr/local/lib/clang/*/include/stddef.h; do
            [ -e "$header" ] && return 0
        done
    done
    return 1
}

# pip itself, or the means to make an environment that has it.
has_pip() {
    python3 -c '
import importlib.util, sys
sys.exit(not any(importlib.util.find_spec(name) for name in ("pip", "ensurepip")))' 2>/dev/null
}

list_missing() {
    command -v cmake >/dev/null || need cmake
    { command -v c++ && command -v cc; } >/dev/null || need g++
    has_libclang || need libclang-dev
    command -v python3 >/dev/null || need python3
    has_pip || need python3-venv
    if [ "$1" != release ]; then
        python3 -c 'import ensurepip' 2>/dev/null || need python3-venv
        [ -x /usr/sbin/mosquitto ] || command -v mosquitto >/dev/null || need mosquitto
    fi
}

install_missing() {
    [ -n "$missing" ] || return 0
    local line="apt-get update &&
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends$missing"
    command -v apt-get >/dev/null ||
        fail "this system has no apt-get; install what these Debian packages hold:$missing"
    say "installing$missing"
    if [ "$(id -u)" -eq 0 ]; then
        sh -c "$line"
    elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        sudo sh -c "$line"
    else
        fail "these packages are missing and I may not install them; run as root:
  $line"
    fi
}

check_rust() {
    command -v cargo >/dev/null ||
        fail "there is no cargo; install a Rust toolchain (rustup), then run this again"
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    found=$(rustc --version | cut -d ' ' -f 2)
    [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)" = "$wanted" ] ||
        fail "rustc $found is too old, $wanted or newer is needed: rustup update stable"
}

# One compiler takes up to 1 GB: a board with little memory builds with fewer at once.
limit_jobs() {
    [ -z "${CARGO_BUILD_JOBS:-}" ] && [ -r /proc/meminfo ] || return 0
    local by_memory processors
    by_memory=$(awk '/^MemTotal/ { n = int($2 / 1000000); print (n < 1 ? 1 : n) }' /proc/meminfo)
    processors=$(getconf _NPROCESSORS_ONLN)
    if [ "$by_memory" -lt "$processors" ]; then
        export CARGO_BUILD_JOBS="$by_memory"
    fi
}

build_and_pull() {
    local folder="$1"
    shift
    limit_jobs
    cargo build --locked "$@"
    # Where the program looks for them: share/ beside its own folder, as in a package.
    local shared="${CARGO_TARGET_DIR:-target}/share/outpost/adapters"
    mkdir -p "$shared"
    cp models/adapters/*.gguf "$shared/"
    # Says nothing but one line where the model is here already.
    "${CARGO_TARGET_DIR:-target}/$folder/outpost" model pull
}

# What the tests have in Python, in an environment of its own: OpenAI's client, which asks the API,
# NumPy, in which the models are written once more, and devices that are not ours.
install_clients() {
    local api="tests/api/requirements.txt" mind="tests/mind/requirements.txt"
    local run="tests/run/requirements.txt"
    local folder="${CARGO_TARGET_DIR:-target}/clients"
    cat "$api" "$mind" "$run" | cmp -s - "$folder/requirements.txt" && return 0
    say "installing the tests' Python packages"
    python3 -m venv "$folder"
    # Not by its own name: a folder that was moved would install where it came from.
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
        -r "$api" -r "$mind" -r "$run"
    cat "$api" "$mind" "$run" >"$folder/requirements.txt"
}

case "${1:-}" in
    release | dev | packages) ;;
    *) fail "usage: cross/setup.sh release|dev|packages" ;;
esac
list_missing "$1"
install_missing
[ "$1" = packages ] && exit 0
check_rust
case "$1" in
    release) build_and_pull release --release ;;
    dev)
        build_and_pull debug
        install_clients
        ;;
esac
