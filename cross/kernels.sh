#!/usr/bin/env bash
# ggml's kernels for 64-bit Arm, without the rest of the program.
#
#   cross/kernels.sh check   right on an emulated A53, A72 and A76, and really the kernels that the
#                            build is for: by what is executed and by disassembly. Part of CI
#   cross/kernels.sh count   instructions for each weight by type and core, as the table of
#                            docs/kernels.md
set -eu
cd "$(dirname "$0")/.."
self=kernels
. cross/toolchain.sh

plain=armv8-a
dotprod=armv8.2-a+dotprod+fp16
# The counting plugin needs qemu-user; qemu-user-static has no plugins.
emulator=qemu-aarch64

install() {
    cross/setup.sh packages
    command -v "$emulator" >/dev/null || debian_packages qemu-user
    install_zig
}

# The compilers as cmake wants them: one program each, musl so that the program is static and runs
# without a foreign libc. cargo-zigbuild turns GCC's names of
# architectures, which ggml's build speaks, into zig's.
write_compilers() {
    mkdir -p "$work"
    for tool in cc c++ ar ranlib; do
        local options="-- -target aarch64-linux-musl"
        case "$tool" in ar | ranlib) options="--" ;; esac
        printf '#!/bin/sh\nexec cargo-zigbuild zig %s %s "$@"\n' "$tool" "$options" \
            >"$work/zig-$tool"
        chmod +x "$work/zig-$tool"
    done
}

# Builds the test program for an architecture; prints nothing when all is well.
build() {
    local arch="$1" folder="$work/$1" log="$work/$1.log"
    say "building ggml for $arch"
    if ! {
        cmake -S vendor/ggml-sys/kernels -B "$folder" \
            -DGGML_SOURCE="$source" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
            -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
            -DCMAKE_C_COMPILER="$work/zig-cc" -DCMAKE_CXX_COMPILER="$work/zig-c++" \
            -DCMAKE_AR="$work/zig-ar" -DCMAKE_RANLIB="$work/zig-ranlib" \
            -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DGGML_CCACHE=OFF -DGGML_CPU_ARM_ARCH="$arch" &&
            cmake --build "$folder" --target kernels --parallel "$(nproc)"
    } >"$log" 2>&1; then
        tail -n 30 "$log" >&2
        fail "ggml for $arch does not build"
    fi
}

build_plugin() {
    cc -O2 -fPIC -shared -o "$work/libcount.so" vendor/ggml-sys/kernels/count.c
}

# `on CORE ARCH ARGUMENTS`: the test program on an emulated core.
on() {
    local core="$1" arch="$2"
    shift 2
    "$emulator" -cpu "$core" "$work/$arch/kernels" "$@"
}

# `counted CORE ARCH TYPE TOKENS TIMES`: prints all instructions and those of the dot product.
counted() {
    local core="$1" arch="$2"
    shift 2
    "$emulator" -cpu "$core" -plugin "$work/libcount.so" "$work/$arch/kernels" run "$@" \
        2>&1 >/dev/null | sed -n 's/^count: //p'
}

# Instructions of one function whose name contains a word: `disassembled ARCH WORD`.
disassembled() {
    aarch64-linux-gnu-objdump -d --no-show-raw-insn "$work/$1/kernels" |
        awk -v word="$2" '/^[0-9a-f]+ </ { inside = index($0, word) > 0 } inside { print }'
}

check() {
    local core arch
    while read -r core arch; do
        say "$core, build for $arch"
        on "$core" "$arch" check
    done <<END
cortex-a53 $plain
cortex-a72 $plain
cortex-a76 $dotprod
END
    local executed
    executed=$(counted cortex-a76 "$dotprod" q4_0 4 1 | cut -d ' ' -f 2)
    say "dot product instructions executed on a cortex-a76: $executed"
    # One handles 16 products of the 2048 x 512 weights and four tokens.
    [ "$executed" -eq 262144 ] || fail "allowed are 2048 x 512 x 4 / 16 = 262144"
    executed=$(counted cortex-a53 "$plain" q4_0 4 1 | cut -d ' ' -f 2)
    [ "$executed" -eq 0 ] || fail "the build for $plain executed $executed dot products"
    disassembled "$dotprod" ggml_vec_dot_q4_0_q8_0 | grep -qw sdot ||
        fail "ggml_vec_dot_q4_0_q8_0 of the build for $dotprod has no sdot"
    disassembled "$plain" ggml_vec_dot_q4_0_q8_0 | grep -Eqw 'smull2?|smlal2?' ||
        fail "ggml_vec_dot_q4_0_q8_0 of the build for $plain has neither smull nor smlal"
    ! disassembled "$plain" ggml_ | grep -qw sdot || fail "the build for $plain has sdot in it"
    say "all right: sdot in the one build, smull or smlal in the other"
}

# Two products more, so what is around them falls out. 2048 x 512 weights a product and token.
per_weight() {
    local one three
    one=$(counted "$@" 1 | cut -d ' ' -f 1)
    three=$(counted "$@" 3 | cut -d ' ' -f 1)
    awk -v a="$one" -v b="$three" -v tokens="$4" \
        'BEGIN { printf "%.3f", (b - a) / 2 / 2048 / 512 / tokens }'
}

count() {
    echo '| type | plain: writing | plain: reading | dot product: writing | dot product: reading |'
    echo '|---|---|---|---|---|'
    local type
    for type in q4_0 q4_1 q5_0 q5_1 q8_0 iq4_nl q2_K q3_K q4_K q5_K q6_K; do
        printf '| %s | %s | %s | %s | %s |\n' "$type" \
            "$(per_weight cortex-a53 "$plain" "$type" 1)" \
            "$(per_weight cortex-a53 "$plain" "$type" 32)" \
            "$(per_weight cortex-a76 "$dotprod" "$type" 1)" \
            "$(per_weight cortex-a76 "$dotprod" "$type" 32)"
    done
}

case "${1:-}" in
    check | count) ;;
    *) fail "usage: cross/kernels.sh check|count" ;;
esac
install
command -v aarch64-linux-gnu-objdump >/dev/null || debian_packages binutils-aarch64-linux-gnu
work="$build_folder/kernels"
source=$(ggml_source)
write_compilers
build "$plain"
build "$dotprod"
build_plugin
"$1"
