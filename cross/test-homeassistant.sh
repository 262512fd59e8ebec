#!/usr/bin/env bash
# `make test-homeassistant`: Outpost in a real Home Assistant, whose core comes from PyPI into the
# target folder. Its last line says that all of it was seen.
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-target}"
venv="$target/tools/homeassistant"
wanted=tests/homeassistant/requirements.txt
export PATH="$PATH:/usr/sbin"

cmp -s "$wanted" "$venv/requirements.txt" || {
    echo "test-homeassistant: installing Home Assistant into $venv"
    python3 -m venv "$venv"
    # The frontend's own wishes are none of ours: it is only looked for.
    grep -v -e '^#' -e frontend "$wanted" >"$venv/most.txt"
    "$venv/bin/pip" install --quiet --prefer-binary -r "$venv/most.txt"
    "$venv/bin/pip" install --quiet --no-deps "$(grep frontend "$wanted" | tail -1)"
    cp "$wanted" "$venv/requirements.txt"
}
cargo build --locked
"$venv/bin/python" tests/homeassistant/try.py "$target/debug/outpost"
echo "test-homeassistant: all of it was seen"
