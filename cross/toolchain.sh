# Sourced by the scripts of this folder: the cross toolchain for 64-bit Arm, installed where it is
# missing. The caller stands at the top of the repository and has set `self` to its own name.

say() { printf '%s: %s\n' "$self" "$*"; }
fail() { printf '%s: %s\n' "$self" "$*" >&2; exit 1; }

# Ubuntu 18.04, the oldest system of the boards (Jetson Nano, JetPack 4). Debian 11 has 2.31.
glibc=2.27
target=aarch64-unknown-linux-gnu
build_folder="${CARGO_TARGET_DIR:-target}"
case "$build_folder" in /*) ;; *) build_folder="$PWD/$build_folder" ;; esac
tools="$build_folder/tools/cross"

# Runs a line as root: directly or through sudo; else prints it for a person to run.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        sh -c "$1"
    elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        sudo sh -c "$1"
    else
        fail "something is missing and I may not install it; run as root:
  $1"
    fi
}

# Installs Debian packages: `debian_packages qemu-user` where a command of it is missing.
debian_packages() {
    say "installing $*"
    as_root "apt-get update -q && DEBIAN_FRONTEND=noninteractive \
apt-get install -y -q --no-install-recommends $*"
}

# zig and cargo-zigbuild, pinned by requirements.txt; on the PATH afterwards.
install_zig() {
    if ! cmp -s cross/requirements.txt "$tools/requirements.txt"; then
        say "installing zig and cargo-zigbuild (100 MB, once)"
        rm -rf "$tools"
        python3 -m venv "$tools"
        "$tools/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
            --only-binary :all: -r cross/requirements.txt
        cp cross/requirements.txt "$tools/requirements.txt"
    fi
    PATH="$tools/bin:$PATH"
}

# `cargo zigbuild` with zig and Rust as installed here. zig names the folders of its headers
# relative to the folder that it runs in where they lie below that, and build scripts, which run in
# another one, then look for them in vain; so it runs in a folder that has no `target` below it.
zigbuild() { # ARGUMENTS of cargo-zigbuild
    (cd cross && CARGO_TARGET_DIR="$build_folder" cargo-zigbuild "$@")
}

has_std() {
    local folder
    folder=$("${1:-rustc}" --print target-libdir --target "$target" 2>/dev/null) || return 1
    ls "$folder"/libstd-*.rlib >/dev/null 2>&1
}

# Rust's standard library for the target: by rustup, else Debian's packages of a compiler.
install_std() {
    has_std && return 0
    if command -v rustup >/dev/null && rustup target add "$target" && has_std; then
        return 0
    fi
    say "rustup cannot add $target; using Debian's rustc-web"
    export RUSTC=/usr/bin/rustc
    has_std "$RUSTC" && return 0
    as_root "dpkg --add-architecture arm64"
    debian_packages rustc-web libstd-rust-web-dev:arm64
    has_std "$RUSTC" || fail "no Rust standard library for $target, also not from Debian"
}

# Prints the folder of ggml's source in the package that vendor/ggml-sys pins.
ggml_source() {
    local ask="cargo metadata --locked --offline --format-version 1"
    { $ask 2>/dev/null || { cargo fetch --locked && $ask; }; } | python3 -c '
import json, os, sys
for package in json.load(sys.stdin)["packages"]:
    if package["name"] == "llama-cpp-sys-2":
        print(os.path.join(os.path.dirname(package["manifest_path"]), "llama.cpp", "ggml"))'
}
