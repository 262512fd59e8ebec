#!/usr/bin/env bash
# The page in a real Chromium: `make test-page`. Needs chromium and its driver, Python and npm; what
# it installs itself goes into the target folder.
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-target}"
folder="$target/page"
axe=4.14.1

for program in chromium chromedriver python3 npm; do
    command -v "$program" > /dev/null || {
        echo "no $program: apt-get install chromium chromium-driver python3-venv npm" >&2
        exit 1
    }
done
mkdir -p "$folder"
if ! cmp -s tests/page/requirements.txt "$folder/requirements.txt"; then
    python3 -m venv "$folder/python"
    "$folder/python/bin/python" -m pip install --quiet --disable-pip-version-check \
        -r tests/page/requirements.txt
    cp tests/page/requirements.txt "$folder/requirements.txt"
fi
[ -f "$folder/node_modules/axe-core/axe.min.js" ] ||
    npm install --silent --no-fund --no-audit --no-save --prefix "$folder" "axe-core@$axe"
cargo build --locked
rm -rf "$folder/shots"
SE_OFFLINE=true "$folder/python/bin/python" tests/page/look.py \
    "$target/debug/outpost" "$folder/shots" "$folder/node_modules/axe-core/axe.min.js"
echo "pictures: $folder/shots"
