#!/usr/bin/env bash
# `make test-arm`: the aarch64 program itself, on emulated cores. Emulation is 20 to 40 times slower
# than a processor, so this takes about an hour; CASES=n and FILE=path choose other cases.
#
# Under qemu-user a program cannot start itself again unless binfmt_misc knows aarch64; `decide`
# runs the model in its own process and needs no child.
set -eu
cd "$(dirname "$0")/.."
self=test-arm
. cross/toolchain.sh

cases="${CASES:-50}"
# The public cases where they lie beside the repository, else a handful of our own.
file="${FILE:-../shared/bench/decisions.jsonl}"
[ -f "$file" ] || file=tests/fixtures/decisions.jsonl
plain=dist/outpost-armv8-a
dotprod=dist/outpost-armv8.2-a-dotprod-fp16
work="$build_folder/test-arm"

on() { # CORE PROGRAM ARGUMENTS
    local core="$1"
    shift
    QEMU_CPU="$core" qemu-aarch64-static "$@"
}

wrong_processor() {
    local said code=0
    said=$(on cortex-a53 "$dotprod" version 2>&1) || code=$?
    say "$dotprod on a cortex-a53: exit code $code, \"$said\""
    [ "$code" -eq 3 ] || fail "allowed is exit code 3"
    [ "$(printf '%s\n' "$said" | wc -l)" -eq 1 ] || fail "allowed is one line"
    case "$said" in *dotprod*) ;; *) fail "it does not name dotprod" ;; esac
}

kernels_said() { # CORE PROGRAM WANTED?
    local kernels
    kernels=$(on "$1" "$2" version --json)
    say "$2 on a $1: $kernels"
    case "$3,$kernels" in
        yes,*DOTPROD*) ;;
        no,*DOTPROD*) fail "it says that it has dot products" ;;
        yes,*) fail "it does not say that it has dot products" ;;
    esac
}

unit_tests() {
    say "unit tests of the parts that differ on Arm"
    local program
    program=$(OUTPOST_CPU=armv8-a cargo zigbuild --locked --tests --lib \
        --target "$target.$glibc" --message-format json -p outpost |
        python3 -c '
import json, sys
for line in sys.stdin:
    line = json.loads(line)
    if line.get("executable") and line["target"]["kind"] == ["lib"]:
        print(line["executable"])')
    on cortex-a53 "$program" mind::ggml mind::gguf mind::score journal::record clock:: expr:: \
        link::wire
}

decide() { # PROGRAM... MODEL, to standard output
    local model="${*: -1}"
    "${@:1:$#-1}" decide --json --no-memory --threads 2 --model "$model" --cases "$work/cases"
}

compare() { # NAME MODEL
    local name="$1" model="$2" core program
    decide "$build_folder/release/outpost" "$model" >"$work/$name-x86"
    while read -r core program; do
        say "$name, $cases cases on a $core"
        decide env QEMU_CPU="$core" qemu-aarch64-static "$program" "$model" >"$work/$name-$core"
        python3 cross/compare_decisions.py "$work/$name-x86" "$work/$name-$core"
    done <<END
cortex-a53 $plain
cortex-a72 $plain
cortex-a76 $dotprod
END
}

cross/setup.sh release
command -v qemu-aarch64-static >/dev/null || debian_packages qemu-user-static
cross/cross.sh
install_zig
install_std
mkdir -p "$work"
head -n "$cases" "$file" >"$work/cases"
[ -s "$work/cases" ] || fail "$file has no cases"
cases=$(wc -l <"$work/cases")

wrong_processor
kernels_said cortex-a53 "$plain" no
kernels_said cortex-a72 "$plain" no
kernels_said cortex-a76 "$dotprod" yes
cross/kernels.sh check
unit_tests

outpost="$build_folder/release/outpost"
default=$("$outpost" model info --json | python3 -c '
import json, sys
print([json.loads(line)["path"] for line in sys.stdin][-1])')
python3 cross/random_model.py "$default" "$work/random-f16.gguf"
"$outpost" model quantize "$work/random-f16.gguf" Q2_K --output "$work/random-q2_k.gguf"
compare q2_k "$work/random-q2_k.gguf"
compare q4_0 "$default"
say "all right"
