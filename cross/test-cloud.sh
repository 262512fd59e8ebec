#!/usr/bin/env bash
# `make test-cloud`: the uplink against real servers. S3 is the crate s3s-fs and the collector
# OpenTelemetry's own, both built into the target folder; NATS is Debian's nats-server.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "${CARGO_TARGET_DIR:-target}/tools"
tools="$(cd "${CARGO_TARGET_DIR:-target}/tools" && pwd)"
s3s=0.14.1
otel=0.139.0
export PATH="$PATH:/usr/sbin"

command -v nats-server > /dev/null || {
    echo "no nats-server: apt-get install nats-server" >&2
    exit 1
}
"$tools/bin/s3s-fs" --version 2> /dev/null | grep -qF "$s3s" || {
    echo "test-cloud: installing s3s-fs $s3s into $tools"
    cargo install --locked --root "$tools" --version "$s3s" --features binary s3s-fs
}
cmp -s cross/otel-collector.yaml "$tools/otel/collector.yaml" || {
    command -v go > /dev/null || {
        echo "no go, which OpenTelemetry's collector is built with: apt-get install golang" >&2
        exit 1
    }
    echo "test-cloud: building OpenTelemetry's collector $otel in $tools/otel"
    mkdir -p "$tools/otel"
    GOBIN="$tools/bin" go install "go.opentelemetry.io/collector/cmd/builder@v$otel"
    cp cross/otel-collector.yaml "$tools/otel/new.yaml"
    (cd "$tools/otel" && "$tools/bin/builder" --config new.yaml)
    mv "$tools/otel/new.yaml" "$tools/otel/collector.yaml"
}
export OUTPOST_S3_SERVER="$tools/bin/s3s-fs"
export OUTPOST_OTEL_COLLECTOR="$tools/otel/out/otelcol"
cargo test --locked --test cloud -- --nocapture
