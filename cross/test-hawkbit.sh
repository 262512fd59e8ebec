#!/usr/bin/env bash
# `make test-hawkbit`: the tests of hawkBit against a real server, which is put together from Maven
# Central into the target folder.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "${CARGO_TARGET_DIR:-target}/tools/hawkbit"
server="$(cd "${CARGO_TARGET_DIR:-target}/tools/hawkbit" && pwd)"
here=$PWD/cross/hawkbit

for tool in mvn javac curl; do
    command -v "$tool" > /dev/null || {
        echo "no $tool: apt-get install maven default-jdk-headless curl" >&2
        exit 1
    }
done
cmp -s "$here/pom.xml" "$server/pom.xml" || {
    echo "test-hawkbit: fetching hawkBit into $server"
    rm -rf "$server/lib"
    mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$server/lib"
    cp "$here/pom.xml" "$server/pom.xml"
}
mkdir -p "$server/classes/META-INF"
# Its class reader knows no newer ones.
javac --release 8 -Xlint:-options -cp "$server/lib/*" -d "$server/classes" "$here/Server.java"
cp "$here/application.properties" "$server/classes"
cp "$here/validation.xml" "$server/classes/META-INF"

port=${PORT:-18840}
opens=()
for package in lang lang.reflect util io text; do
    opens+=("--add-opens=java.base/java.$package=ALL-UNNAMED")
done
(cd "$server" && exec java "${opens[@]}" -Xmx512m -cp "classes:lib/*" Server \
    --server.port="$port") > "$server/log" 2>&1 &
process=$!
trap 'kill $process; wait $process || true' EXIT
export OUTPOST_HAWKBIT=http://127.0.0.1:$port
for _ in $(seq 120); do
    curl -fs -o /dev/null -u admin:admin "$OUTPOST_HAWKBIT/rest/v1/targets" && break
    kill -0 $process || { tail -n 40 "$server/log" >&2; exit 1; }
    sleep 1
done
cargo test --locked --test run -- --nocapture hawkbit
