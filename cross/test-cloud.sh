#!/usr/bin/env bash
# `make test-cloud`: the uplink against real servers. S3 is the crate s3s-fs, installed into the
# target folder; NATS is Debian's nats-server.
set -euo pipefail
cd "$(dirname "$0")/.."
tools="${CARGO_TARGET_DIR:-target}/tools"
s3s=0.14.1

[ -x /usr/sbin/nats-server ] || command -v nats-server > /dev/null || {
    echo "no nats-server: apt-get install nats-server" >&2
    exit 1
}
[ -x "$tools/bin/s3s-fs" ] && "$tools/bin/s3s-fs" --version | grep -qF "$s3s" || {
    echo "test-cloud: installing s3s-fs $s3s into $tools"
    cargo install --locked --root "$tools" --version "$s3s" --features binary s3s-fs
}
export OUTPOST_S3_SERVER="$PWD/$tools/bin/s3s-fs"
case "$tools" in /*) OUTPOST_S3_SERVER="$tools/bin/s3s-fs" ;; esac
export PATH="$PATH:/usr/sbin"
cargo test --locked --test cloud -- --nocapture
