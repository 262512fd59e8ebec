#!/usr/bin/env bash
# `make book`: the documents as a book to read, in target/book. The argument is the version of
# mdBook. Nothing else needs it: a test looks at the table and the links without it.
set -eu
cd "$(dirname "$0")/.."

version="$1"
target="${CARGO_TARGET_DIR:-target}"
tools="$target/tools"
mdbook="$tools/bin/mdbook"

if [ "$("$mdbook" --version 2>/dev/null)" != "mdbook v$version" ]; then
    echo "book: installing mdbook $version into $tools"
    cargo install --locked --no-default-features --features search --root "$tools" \
        --version "$version" mdbook
fi
"$mdbook" build --dest-dir "$(realpath "$target")/book"
echo "book: $target/book/index.html"
