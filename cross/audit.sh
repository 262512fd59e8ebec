#!/usr/bin/env bash
# `make audit`: licences, bans and sources of all dependencies, and known faults where the
# database of them can be reached. The argument is the version of cargo-deny.
set -eu
cd "$(dirname "$0")/.."

version="$1"
tools="${CARGO_TARGET_DIR:-target}/tools"
deny="$tools/bin/cargo-deny"

if [ "$("$deny" --version 2>/dev/null)" != "cargo-deny $version" ]; then
    echo "audit: installing cargo-deny $version into $tools"
    cargo install --locked --root "$tools" --version "$version" cargo-deny
fi

"$deny" --locked check licenses bans sources

# A machine without the network still checks the rest, and says what it did not check.
if "$deny" --locked fetch db >/dev/null 2>&1; then
    "$deny" --locked check advisories
else
    echo "audit: the advisory database cannot be reached; known faults were NOT checked"
fi
