#!/usr/bin/env bash
# `make test-arm`: the aarch64 program itself, on emulated cores. Emulation is 20 to 40 times slower
# than a processor, so this takes about an hour; CASES=n and FILE=path choose other cases.
#
# Probabilities are compared as `outpost decide` prints them, so with the temperature that the
# catalogue has for the default model; random weights have none of their own and get the same. How
# far apart they are without it is said beside that.
#
# Under qemu-user a program cannot start itself again unless binfmt_misc knows aarch64; `decide`
# runs the model in its own process and needs no child.
set -euo pipefail
cd "$(dirname "$0")/.."
self=test-arm
. cross/toolchain.sh

cases="${CASES:-50}"
# The public cases where they lie beside the repository, else a handful of our own.
file="${FILE:-../shared/bench/decisions.jsonl}"
[ -f "$file" ] || file=tests/fixtures/decisions.jsonl
plain=dist/outpost-armv8-a
dotprod=dist/outpost-armv8.2-a-dotprod-fp16
outpost="$build_folder/release/outpost"
work="$build_folder/test-arm"

# The programs load glibc; libc6-arm64-cross puts one for Arm there.
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu

# Where Debian's own libc6:arm64 is installed as well, its libc under this folder's loader hangs in
# pthread_create: both must be of one folder. `limit` is in seconds, 0 for none.
on() { # CORE PROGRAM ARGUMENTS
    local core="$1"
    shift
    QEMU_CPU="$core" timeout "${limit:-0}" \
        qemu-aarch64-static -E LD_LIBRARY_PATH="$QEMU_LD_PREFIX/lib" "$@"
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

# Parts whose arithmetic, layout in memory or system calls are another processor's: the library's
# boundary, file formats, scores, clocks, what is read of the board.
rooms="mind::ggml mind::gguf mind::score journal::block journal::record clock:: expr:: \
link::wire board::"

# As the release profile has it, so that the dependencies are those of the program.
test_programs() {
    OUTPOST_CPU=armv8-a CARGO_PROFILE_RELEASE_STRIP=symbols \
        zigbuild test --no-run --locked --release --lib \
        --target "$target.$glibc" --message-format json -p outpost -p ggml-sys |
        python3 -c '
import json, sys
for line in sys.stdin:
    line = json.loads(line)
    if line.get("executable") and line["profile"]["test"]:
        print(line["target"]["name"].replace("-", "_"), line["executable"])'
}

unit_tests() {
    say "unit tests of the parts that differ on Arm"
    local name program room filters tried=0
    test_programs >"$work/programs"
    while read -r name program; do
        filters=""
        if [ "$name" = outpost ]; then
            filters="$rooms"
            for room in $rooms; do
                [ "$(on cortex-a53 "$program" --list "$room" | grep -c ': test$')" -gt 0 ] ||
                    fail "no test is named $room"
            done
        fi
        # Half an hour is several times what they take; a test that hangs must not hang this.
        # shellcheck disable=SC2086
        limit=1800 on cortex-a53 "$program" $filters ||
            fail "the unit tests of $name failed, or took more than half an hour"
        tried=$((tried + 1))
    done <"$work/programs"
    [ "$tried" -eq 2 ] || fail "$tried programs of tests were built, not those of two packages"
}

# Every case and prefix is read whole by the program that is tested; none comes from a disk.
decide() { # PROGRAM... MODEL, to standard output
    local model="${*: -1}"
    "${@:1:$#-1}" decide --json --no-memory --no-prefix-cache --ask whole --threads 2 \
        --model "$model" --temperature "$temperature" --cases "$work/cases"
}

compare() { # NAME MODEL
    local name="$1" model="$2" core program
    decide "$outpost" "$model" >"$work/$name-x86"
    while read -r core program; do
        say "$name, $cases cases on a $core"
        decide on "$core" "$program" "$model" >"$work/$name-$core"
        python3 cross/compare_decisions.py "$work/$name-x86" "$work/$name-$core" "$temperature"
    done <<END
cortex-a53 $plain
cortex-a72 $plain
cortex-a76 $dotprod
END
}

cross/setup.sh release
command -v qemu-aarch64-static >/dev/null || debian_packages qemu-user-static
[ -e "$QEMU_LD_PREFIX/lib/ld-linux-aarch64.so.1" ] || debian_packages libc6-arm64-cross
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

default=$(sed -n 's/^default = "\(.*\)"/\1/p' models/catalog.toml)
temperature=$(awk -v id="\"$default\"" '/^id = / { here = ($3 == id) }
    here && /^temperature_percent = / { print $3 / 100 }' models/catalog.toml)
temperature="${temperature:-1}"
file_of_default=$("$outpost" model info --json "$default" | python3 -c '
import json, sys
print(json.loads(sys.stdin.readlines()[-1])["path"])')
python3 cross/random_model.py "$file_of_default" "$work/random-f16.gguf"
"$outpost" model quantize "$work/random-f16.gguf" Q2_K --output "$work/random-q2_k.gguf"
compare q4_0 "$default"
compare q2_k "$work/random-q2_k.gguf"
say "all right"
